# Two roles, each with what its machines do and nothing else. Nobody logs in: sessions go by SSM.

data "aws_iam_policy_document" "ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

locals {
  arn_prefix = "arn:${data.aws_partition.current.partition}"
  ec2_arn    = "${local.arn_prefix}:ec2:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
}

resource "aws_iam_role" "control_plane" {
  name_prefix        = "${var.name}-cp-"
  assume_role_policy = data.aws_iam_policy_document.ec2.json

  tags = local.tags
}

resource "aws_iam_instance_profile" "control_plane" {
  name_prefix = "${var.name}-cp-"
  role        = aws_iam_role.control_plane.name

  tags = local.tags
}

resource "aws_iam_role_policy" "control_plane" {
  name_prefix = "berth-"
  role        = aws_iam_role.control_plane.id
  policy      = data.aws_iam_policy_document.control_plane.json
}

resource "aws_iam_role_policy_attachment" "control_plane_ssm" {
  role       = aws_iam_role.control_plane.name
  policy_arn = "${local.arn_prefix}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

data "aws_iam_policy_document" "control_plane" {
  statement {
    sid       = "Release"
    actions   = ["s3:GetObject"]
    resources = ["${local.arn_prefix}:s3:::${var.release_bucket}/${var.release_key}"]
  }

  statement {
    sid       = "Settings"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.control_plane.arn]
  }

  statement {
    sid       = "Logs"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
  }

  statement {
    sid       = "LogList"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.logs.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*", "kms:DescribeKey"]
    resources = [aws_kms_key.main.arn]
  }

  # EC2 encrypts the disks of the hosts that we start.
  statement {
    sid       = "KeyForDisks"
    actions   = ["kms:CreateGrant"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }

  # Neither can be narrowed to resources.
  statement {
    sid       = "FleetLook"
    actions   = ["ec2:DescribeInstances", "ec2:DescribeSpotInstanceRequests"]
    resources = ["*"]
  }

  # Only by the hosts' template, only into our subnets, and only with our tag, by which they can be ended again.
  statement {
    sid       = "FleetStartMarked"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.ec2_arn}:instance/*", "${local.ec2_arn}:volume/*", "${local.ec2_arn}:spot-instances-request/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/installation"
      values   = [var.name]
    }

    condition {
      test     = "ArnEquals"
      variable = "ec2:LaunchTemplate"
      values   = [aws_launch_template.host.arn]
    }
  }

  statement {
    sid     = "FleetStartWith"
    actions = ["ec2:RunInstances"]
    resources = concat(
      [
        aws_launch_template.host.arn,
        "${local.ec2_arn}:security-group/${aws_security_group.hosts.id}",
        "${local.ec2_arn}:network-interface/*",
        "${local.arn_prefix}:ec2:${data.aws_region.current.name}::image/${var.ami_id}",
      ],
      [for subnet in aws_subnet.private : subnet.arn],
    )

    condition {
      test     = "ArnEquals"
      variable = "ec2:LaunchTemplate"
      values   = [aws_launch_template.host.arn]
    }
  }

  statement {
    sid       = "FleetMark"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.ec2_arn}:instance/*", "${local.ec2_arn}:volume/*", "${local.ec2_arn}:spot-instances-request/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["RunInstances"]
    }
  }

  statement {
    sid       = "FleetEnd"
    actions   = ["ec2:TerminateInstances"]
    resources = ["${local.ec2_arn}:instance/*"]

    # The control plane's own machines carry the installation's tag too, but not a pool's.
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/installation"
      values   = [var.name]
    }

    condition {
      test     = "StringLike"
      variable = "aws:ResourceTag/berth:pool"
      values   = ["*"]
    }
  }

  statement {
    sid       = "FleetRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.host.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "host" {
  name_prefix        = "${var.name}-host-"
  assume_role_policy = data.aws_iam_policy_document.ec2.json

  tags = local.tags
}

resource "aws_iam_instance_profile" "host" {
  name_prefix = "${var.name}-host-"
  role        = aws_iam_role.host.name

  tags = local.tags
}

resource "aws_iam_role_policy" "host" {
  name_prefix = "berth-"
  role        = aws_iam_role.host.id
  policy      = data.aws_iam_policy_document.host.json
}

resource "aws_iam_role_policy_attachment" "host_ssm" {
  role       = aws_iam_role.host.name
  policy_arn = "${local.arn_prefix}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

data "aws_iam_policy_document" "host" {
  statement {
    sid       = "Release"
    actions   = ["s3:GetObject"]
    resources = ["${local.arn_prefix}:s3:::${var.release_bucket}/${var.release_key}"]
  }
}
