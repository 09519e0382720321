# A whole Berth in one region. Copy it, put your own values in, and give it a remote state: the state holds passwords.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.60"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

module "berth" {
  source = "../"

  name              = "berth"
  domain_name       = "berth.example.com"
  certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
  api_ingress_cidrs = ["203.0.113.0/24"]

  ami_id         = "ami-0123456789abcdef0"
  release_bucket = "example-releases"
  release_key    = "berth/berth-0.1.0.tar.gz"
  release_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
}

output "api_load_balancer" {
  description = "Point berth.example.com at it."
  value       = module.berth.api_load_balancer
}

output "pool" {
  description = "The first pool, for berth pool create."
  value       = module.berth.pool
}
