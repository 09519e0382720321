output "api_load_balancer" {
  description = "Point domain_name at it, by a CNAME or an alias."
  value       = aws_lb.api.dns_name
}

output "api_url" {
  description = "Where the API is, once the name points there."
  value       = "https://${var.domain_name}"
}

output "gateway_url" {
  description = "Where agents go."
  value       = local.gateway_url
}

output "settings_secret_arn" {
  description = "Secret with the operator's key (BERTH_OPERATOR_KEY) and the addresses of database and cache."
  value       = aws_secretsmanager_secret.control_plane.arn
}

output "log_bucket" {
  description = "Bucket with the logs of ended tasks."
  value       = aws_s3_bucket.logs.id
}

output "database_endpoint" {
  description = "Address of the database; only the control plane reaches it."
  value       = aws_db_instance.main.endpoint
}

output "pool" {
  description = "The first pool: terraform output -raw pool | berth pool create -f -"
  value = jsonencode({
    name           = "main"
    launchTemplate = { id = aws_launch_template.host.id, version = tostring(aws_launch_template.host.latest_version) }
    instanceTypes  = [for type in var.host_instance_types : { for key, value in type : key => value if value != null }]
    zones          = [for zone in local.zones : { name = zone, subnetId = aws_subnet.private[zone].id }]
    minHosts       = var.pool_min_hosts
    maxHosts       = var.pool_max_hosts
    bootScript     = local.boot_script
    tags           = local.tags
  })
}
