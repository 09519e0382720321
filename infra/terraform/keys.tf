# The directory that the control plane's replicas share: the hosts' authority, the master key, the keys of identity tokens.
# Whoever has it is Berth. Encrypted at rest and on the way, reachable from the control plane alone, backed up daily.

resource "aws_efs_file_system" "keys" {
  creation_token = "${var.name}-keys"
  encrypted      = true
  kms_key_id     = aws_kms_key.main.arn

  tags = merge(local.tags, { Name = "${var.name}-keys" })
}

resource "aws_efs_backup_policy" "keys" {
  file_system_id = aws_efs_file_system.keys.id

  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_file_system_policy" "keys" {
  file_system_id = aws_efs_file_system.keys.id
  policy         = data.aws_iam_policy_document.keys.json
}

data "aws_iam_policy_document" "keys" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["*"]
    resources = [aws_efs_file_system.keys.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # NFS clients say no name: what may mount is what the security group lets in.
  statement {
    sid       = "ThroughMountTargets"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"]
    resources = [aws_efs_file_system.keys.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "elasticfilesystem:AccessedViaMountTarget"
      values   = ["true"]
    }
  }
}

resource "aws_efs_mount_target" "keys" {
  for_each = local.zone_numbers

  file_system_id  = aws_efs_file_system.keys.id
  subnet_id       = aws_subnet.data[each.key].id
  security_groups = [aws_security_group.keys.id]
}

resource "aws_security_group" "keys" {
  name_prefix = "${var.name}-keys-"
  description = "Shared keys, for the control plane alone"
  vpc_id      = aws_vpc.main.id

  tags = merge(local.tags, { Name = "${var.name}-keys" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "keys_from_control_plane" {
  security_group_id            = aws_security_group.keys.id
  referenced_security_group_id = aws_security_group.control_plane.id
  description                  = "NFS over TLS from the control plane"
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
}

resource "random_password" "operator_key" {
  length  = 48
  special = false
}

# What the control plane's machines are told at their start; never in user data, which more eyes can read.
resource "aws_secretsmanager_secret" "control_plane" {
  name_prefix = "${var.name}-control-plane-"
  description = "Addresses with passwords of database and cache, and the operator's key"
  kms_key_id  = aws_kms_key.main.arn

  recovery_window_in_days = 7

  tags = local.tags
}

resource "aws_secretsmanager_secret_version" "control_plane" {
  secret_id = aws_secretsmanager_secret.control_plane.id
  secret_string = jsonencode({
    DATABASE_URL       = "postgres://${aws_db_instance.main.username}:${random_password.database.result}@${aws_db_instance.main.endpoint}/${aws_db_instance.main.db_name}?sslmode=verify-full&sslrootcert=/etc/berth/rds-ca.pem"
    REDIS_URL          = "rediss://:${random_password.cache.result}@${aws_elasticache_replication_group.main.primary_endpoint_address}:${aws_elasticache_replication_group.main.port}"
    BERTH_OPERATOR_KEY = random_password.operator_key.result
  })
}
