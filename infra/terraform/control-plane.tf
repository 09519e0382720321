# Equal replicas behind two load balancers: HTTPS for people and programs ends at the first; agents' TLS passes the second
# untouched, for it ends at the replica, which checks their certificates.

resource "aws_launch_template" "control_plane" {
  name_prefix            = "${var.name}-control-plane-"
  image_id               = var.ami_id
  instance_type          = var.control_plane_instance_type
  update_default_version = true
  vpc_security_group_ids = [aws_security_group.control_plane.id]
  user_data = base64encode(templatefile("${path.module}/templates/control-plane.sh.tftpl", {
    region          = data.aws_region.current.name
    install         = local.install_script
    secret_arn      = aws_secretsmanager_secret.control_plane.arn
    keys_dns_name   = aws_efs_file_system.keys.dns_name
    public_url      = "https://${var.domain_name}"
    gateway_url     = local.gateway_url
    ports           = local.ports
    task_network    = var.task_network
    protected       = join(",", [var.vpc_cidr, "169.254.0.0/16"])
    log_store       = "s3://${aws_s3_bucket.logs.id}"
    retention_hours = var.log_retention_days * 24
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.control_plane.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = local.root_device

    ebs {
      volume_type           = "gp3"
      volume_size           = 30
      encrypted             = true
      kms_key_id            = aws_kms_key.main.arn
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.tags, { Name = "${var.name}-control-plane" })
  }

  tag_specifications {
    resource_type = "volume"
    tags          = merge(local.tags, { Name = "${var.name}-control-plane" })
  }

  tags = local.tags
}

data "aws_ami" "machine" {
  filter {
    name   = "image-id"
    values = [var.ami_id]
  }
}

locals {
  root_device = data.aws_ami.machine.root_device_name
  gateway_url = "wss://${aws_lb.gateway.dns_name}:${local.ports.gateway}"
}

resource "aws_autoscaling_group" "control_plane" {
  name_prefix         = "${var.name}-control-plane-"
  min_size            = var.control_plane_count
  max_size            = var.control_plane_count + 1
  desired_capacity    = var.control_plane_count
  vpc_zone_identifier = [for subnet in aws_subnet.private : subnet.id]
  target_group_arns   = [aws_lb_target_group.api.arn, aws_lb_target_group.gateway.arn]

  health_check_type         = "ELB"
  health_check_grace_period = 300
  wait_for_capacity_timeout = "15m"

  launch_template {
    id      = aws_launch_template.control_plane.id
    version = aws_launch_template.control_plane.latest_version
  }

  # A new release comes as a new version of the template: replicas are replaced one by one, the new one first.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
    }
  }

  dynamic "tag" {
    for_each = merge(local.tags, { Name = "${var.name}-control-plane" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  depends_on = [
    aws_efs_mount_target.keys,
    aws_route.nat,
    aws_secretsmanager_secret_version.control_plane,
  ]
}

resource "aws_security_group" "control_plane" {
  name_prefix = "${var.name}-control-plane-"
  description = "The control plane's machines"
  vpc_id      = aws_vpc.main.id

  tags = merge(local.tags, { Name = "${var.name}-control-plane" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "control_plane_from_api" {
  security_group_id            = aws_security_group.control_plane.id
  referenced_security_group_id = aws_security_group.api.id
  description                  = "API from its load balancer"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.api
  to_port                      = local.ports.api
}

resource "aws_vpc_security_group_ingress_rule" "control_plane_from_gateway" {
  security_group_id            = aws_security_group.control_plane.id
  referenced_security_group_id = aws_security_group.gateway.id
  description                  = "Agents, by the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.gateway
  to_port                      = local.ports.gateway
}

# Logs and sessions of a task are asked for at one replica, and its host dials back to that one.
resource "aws_vpc_security_group_ingress_rule" "control_plane_from_hosts" {
  security_group_id            = aws_security_group.control_plane.id
  referenced_security_group_id = aws_security_group.hosts.id
  description                  = "Agents, to one replica"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.gateway
  to_port                      = local.ports.gateway
}

resource "aws_vpc_security_group_egress_rule" "control_plane" {
  for_each = toset(var.egress_cidrs)

  security_group_id = aws_security_group.control_plane.id
  description       = "AWS, registries, database, cache"
  cidr_ipv4         = each.value
  ip_protocol       = "-1"
}

resource "aws_lb" "api" {
  name                       = "${var.name}-api"
  load_balancer_type         = "application"
  internal                   = length(var.api_ingress_cidrs) == 0
  subnets                    = length(var.api_ingress_cidrs) == 0 ? [for subnet in aws_subnet.private : subnet.id] : [for subnet in aws_subnet.public : subnet.id]
  security_groups            = [aws_security_group.api.id]
  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  # Streams of logs and sessions may be silent for some time.
  idle_timeout = 900

  tags = local.tags
}

resource "aws_lb_target_group" "api" {
  name                 = "${var.name}-api"
  port                 = local.ports.api
  protocol             = "HTTP"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30

  health_check {
    path                = "/readyz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = local.tags
}

resource "aws_lb_listener" "api" {
  load_balancer_arn = aws_lb.api.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }

  tags = local.tags
}

resource "aws_security_group" "api" {
  name_prefix = "${var.name}-api-"
  description = "The API's load balancer"
  vpc_id      = aws_vpc.main.id

  tags = merge(local.tags, { Name = "${var.name}-api" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  for_each = toset(concat([var.vpc_cidr], var.api_ingress_cidrs))

  security_group_id = aws_security_group.api.id
  description       = "HTTPS"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "api" {
  security_group_id            = aws_security_group.api.id
  referenced_security_group_id = aws_security_group.control_plane.id
  description                  = "The control plane's API"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.api
  to_port                      = local.ports.api
}

resource "aws_lb" "gateway" {
  name                             = "${var.name}-gateway"
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = [for subnet in aws_subnet.private : subnet.id]
  security_groups                  = [aws_security_group.gateway.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection

  tags = local.tags
}

resource "aws_lb_target_group" "gateway" {
  name                 = "${var.name}-gateway"
  port                 = local.ports.gateway
  protocol             = "TCP"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30

  health_check {
    protocol = "TCP"
    interval = 10
  }

  tags = local.tags
}

resource "aws_lb_listener" "gateway" {
  load_balancer_arn = aws_lb.gateway.arn
  port              = local.ports.gateway
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateway.arn
  }

  tags = local.tags
}

resource "aws_security_group" "gateway" {
  name_prefix = "${var.name}-gateway-"
  description = "The agents' load balancer"
  vpc_id      = aws_vpc.main.id

  tags = merge(local.tags, { Name = "${var.name}-gateway" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "gateway" {
  security_group_id            = aws_security_group.gateway.id
  referenced_security_group_id = aws_security_group.hosts.id
  description                  = "Agents"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.gateway
  to_port                      = local.ports.gateway
}

resource "aws_vpc_security_group_egress_rule" "gateway" {
  security_group_id            = aws_security_group.gateway.id
  referenced_security_group_id = aws_security_group.control_plane.id
  description                  = "The control plane's gateway"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.gateway
  to_port                      = local.ports.gateway
}
