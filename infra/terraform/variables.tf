variable "name" {
  description = "Begins the name of everything that is made here."
  type        = string
  default     = "berth"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "Must be 3-20 lower-case letters, digits or \"-\", begin with a letter and not end with \"-\"."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}

variable "vpc_cidr" {
  description = "Network of the VPC. Three zones get a public, a private and a data subnet each."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && tonumber(split("/", var.vpc_cidr)[1]) <= 20
    error_message = "Must be an IPv4 network of /20 or larger."
  }
}

variable "task_network" {
  description = "Network of which each host gets a part for its tasks. Must not overlap the VPC's."
  type        = string
  default     = "10.128.0.0/12"

  validation {
    condition     = can(cidrnetmask(var.task_network))
    error_message = "Must be an IPv4 network such as 10.128.0.0/12."
  }
}

variable "api_ingress_cidrs" {
  description = "Who may open connections to the API and the console. Empty: nobody outside the VPC. 0.0.0.0/0 is everybody: a choice of yours, not a default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.api_ingress_cidrs : can(cidrnetmask(cidr))])
    error_message = "Must be IPv4 networks."
  }
}

variable "egress_cidrs" {
  description = "Where hosts and control plane may open connections to: registries, package archives, AWS. Everywhere by default, for images come from everywhere."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.egress_cidrs) > 0 && alltrue([for cidr in var.egress_cidrs : can(cidrnetmask(cidr))])
    error_message = "Must be at least one IPv4 network."
  }
}

variable "domain_name" {
  description = "Name of the API, for example berth.example.com. Its certificate is certificate_arn's; point it at the output api_load_balancer."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "Must be a full domain name in lower case."
  }
}

variable "certificate_arn" {
  description = "ACM certificate for domain_name, in this region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:\\d{12}:certificate/", var.certificate_arn))
    error_message = "Must be the ARN of an ACM certificate."
  }
}

variable "ami_id" {
  description = "Image of control plane and hosts: Debian 12 or Ubuntu 24.04 for x86-64, with Node 20.19 or later, the AWS CLI and the SSM agent."
  type        = string

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "Must be the id of an AMI."
  }
}

variable "release_bucket" {
  description = "S3 bucket with Berth's release, a .tar.gz of a built checkout with its node_modules."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.release_bucket))
    error_message = "Must be the name of a bucket."
  }
}

variable "release_key" {
  description = "Object in release_bucket."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+\\.tar\\.gz$", var.release_key))
    error_message = "Must name a .tar.gz."
  }
}

variable "release_sha256" {
  description = "SHA-256 of the release in hex. A machine that gets something else does not start it."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.release_sha256))
    error_message = "Must be 64 hexadecimal digits."
  }
}

variable "control_plane_instance_type" {
  description = "Type of the control plane's machines."
  type        = string
  default     = "m7i.large"
}

variable "control_plane_count" {
  description = "How many equal replicas of the control plane run, spread over three zones."
  type        = number
  default     = 2

  validation {
    condition     = var.control_plane_count >= 1 && var.control_plane_count <= 9
    error_message = "Must be 1 to 9."
  }
}

variable "database_instance_class" {
  description = "Class of the PostgreSQL instance. There are two: one stands by in another zone."
  type        = string
  default     = "db.m7g.large"

  validation {
    condition     = startswith(var.database_instance_class, "db.")
    error_message = "Must be a class of RDS such as db.m7g.large."
  }
}

variable "database_storage_gib" {
  description = "Storage of the database, which grows by itself up to five times that."
  type        = number
  default     = 100

  validation {
    condition     = var.database_storage_gib >= 20 && var.database_storage_gib <= 13000
    error_message = "Must be 20 to 13000."
  }
}

variable "database_backup_days" {
  description = "For how many days the database can be restored to any moment."
  type        = number
  default     = 14

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35
    error_message = "Must be 1 to 35."
  }
}

variable "cache_node_type" {
  description = "Type of the two Redis nodes."
  type        = string
  default     = "cache.t4g.small"

  validation {
    condition     = startswith(var.cache_node_type, "cache.")
    error_message = "Must be a type of ElastiCache such as cache.t4g.small."
  }
}

variable "deletion_protection" {
  description = "Whether the database, the load balancers, and the log bucket's objects are protected from terraform destroy."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "For how long logs of ended tasks are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.log_retention_days >= 1 && var.log_retention_days <= 3650
    error_message = "Must be 1 to 3650."
  }
}

variable "host_instance_types" {
  description = "Types that the first pool may use, with what tasks get on one and the price of an hour."
  type = list(object({
    name          = string
    cpuMillis     = number
    memoryMiB     = number
    onDemandPrice = string
    spotPrice     = optional(string)
  }))
  default = [
    { name = "m7i.large", cpuMillis = 1900, memoryMiB = 7300, onDemandPrice = "0.1008", spotPrice = "0.0400" },
    { name = "m7i.xlarge", cpuMillis = 3800, memoryMiB = 14700, onDemandPrice = "0.2016", spotPrice = "0.0800" },
    { name = "m7i.2xlarge", cpuMillis = 7600, memoryMiB = 29500, onDemandPrice = "0.4032", spotPrice = "0.1600" },
  ]

  validation {
    condition     = length(var.host_instance_types) > 0
    error_message = "Must name at least one type."
  }
}

variable "host_disk_gib" {
  description = "Disk of each host: images, tasks' own disks and volumes."
  type        = number
  default     = 100

  validation {
    condition     = var.host_disk_gib >= 20 && var.host_disk_gib <= 16384
    error_message = "Must be 20 to 16384."
  }
}

variable "pool_min_hosts" {
  description = "So many hosts the first pool always keeps."
  type        = number
  default     = 1

  validation {
    condition     = var.pool_min_hosts >= 0
    error_message = "Must not be negative."
  }
}

variable "pool_max_hosts" {
  description = "So many hosts the first pool has at the most."
  type        = number
  default     = 20

  validation {
    condition     = var.pool_max_hosts >= 0 && var.pool_max_hosts <= 5000
    error_message = "Must be 0 to 5000."
  }
}
