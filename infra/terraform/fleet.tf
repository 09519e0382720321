# What Berth starts hosts by. The machines themselves are Berth's: Terraform knows the template, not them.

locals {
  install_script = templatefile("${path.module}/templates/install.sh.tftpl", {
    bucket = var.release_bucket
    key    = var.release_key
    sha256 = var.release_sha256
    region = data.aws_region.current.name
  })

  # Berth puts the machine's own settings before it; started by hand, a machine only installs.
  boot_script = <<-EOT
    set -eu
    ${local.install_script}
    if [ -n "$${BERTH_HOST_TOKEN:-}" ]; then
      exec /opt/berth/bin/join "$BERTH_JOIN_URL" "$BERTH_HOST_TOKEN"
    fi
  EOT
}

resource "aws_launch_template" "host" {
  name_prefix            = "${var.name}-host-"
  image_id               = var.ami_id
  update_default_version = true
  vpc_security_group_ids = [aws_security_group.hosts.id]
  user_data              = base64encode("#!/bin/sh\n${local.boot_script}")

  instance_initiated_shutdown_behavior = "terminate"

  iam_instance_profile {
    arn = aws_iam_instance_profile.host.arn
  }

  # One hop: what runs in a task can't reach the machine's metadata, its role and its token.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = local.root_device

    ebs {
      volume_type           = "gp3"
      volume_size           = var.host_disk_gib
      encrypted             = true
      kms_key_id            = aws_kms_key.main.arn
      delete_on_termination = true
    }
  }

  tags = local.tags
}

resource "aws_security_group" "hosts" {
  name_prefix = "${var.name}-hosts-"
  description = "Hosts. Nobody connects to them but each other, for their tasks"
  vpc_id      = aws_vpc.main.id

  tags = merge(local.tags, { Name = "${var.name}-hosts" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "hosts_vxlan" {
  security_group_id            = aws_security_group.hosts.id
  referenced_security_group_id = aws_security_group.hosts.id
  description                  = "Tasks' traffic between hosts"
  ip_protocol                  = "udp"
  from_port                    = local.ports.vxlan
  to_port                      = local.ports.vxlan
}

resource "aws_vpc_security_group_egress_rule" "hosts" {
  for_each = toset(var.egress_cidrs)

  security_group_id = aws_security_group.hosts.id
  description       = "Registries, the control plane, and where tasks go"
  cidr_ipv4         = each.value
  ip_protocol       = "-1"
}
