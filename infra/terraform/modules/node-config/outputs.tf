output "user_data" {
  description = "Cloud-init of a node. Holds no secret."
  value       = "#cloud-config\n${yamlencode(local.cloud_init)}"
}

output "sluice_yaml" {
  description = "The configuration alone, for `sluice check`."
  value       = local.sluice_yaml
}

output "version" {
  description = "The version of the release."
  value       = var.release.version
}

output "ports" {
  description = "Client ports: `bootstrap`, and one for each cluster that has its own."
  value       = local.ports
}

output "health_port" {
  description = "The port of /readyz."
  value       = var.health_port
}

output "admin_port" {
  description = "The admin port, or null where it listens on loopback."
  value       = var.admin.expose ? var.admin.port : null
}

output "proxy_protocol" {
  description = "Whether nodes demand a PROXY protocol header."
  value       = var.listener.proxy_protocol
}

output "drain" {
  description = "Seconds of `drain.delay` and `drain.timeout`."
  value       = var.drain
}

output "redis_host" {
  description = "Host of the Redis, or null."
  value       = var.redis == null ? null : regex("^rediss?://([^:/]+)", var.redis.url)[0]
}

output "secrets" {
  description = "Files that must be put on each node before it serves."
  value       = local.secrets
}
