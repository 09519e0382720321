# Redis for background jobs. Nothing durable is in it: losing it delays work, no more.

resource "random_password" "cache" {
  length  = 40
  special = false
}

resource "aws_elasticache_subnet_group" "main" {
  name       = var.name
  subnet_ids = [for subnet in aws_subnet.data : subnet.id]

  tags = local.tags
}

resource "aws_elasticache_parameter_group" "main" {
  name   = var.name
  family = "redis7"

  # BullMQ must be told when memory is short, not lose jobs.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }

  tags = local.tags
}

resource "aws_elasticache_replication_group" "main" {
  replication_group_id = var.name
  description          = "Background jobs of ${var.name}"

  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.cache_node_type
  num_cache_clusters   = 2
  port                 = 6379
  parameter_group_name = aws_elasticache_parameter_group.main.name

  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.main.name
  security_group_ids         = [aws_security_group.cache.id]

  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.main.arn
  transit_encryption_enabled = true
  auth_token                 = random_password.cache.result

  tags = local.tags
}

resource "aws_security_group" "cache" {
  name_prefix = "${var.name}-cache-"
  description = "Redis, for the control plane alone"
  vpc_id      = aws_vpc.main.id

  tags = merge(local.tags, { Name = "${var.name}-cache" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "cache_from_control_plane" {
  security_group_id            = aws_security_group.cache.id
  referenced_security_group_id = aws_security_group.control_plane.id
  description                  = "Redis from the control plane"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}
