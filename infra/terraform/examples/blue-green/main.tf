# Two generations at once, as in the middle of an upgrade: green has the new release and a new route. Before, only
# blue stands in `generations`; afterwards only green. README.md of hcloud-fleet tells the steps.

terraform {
  required_version = ">= 1.9"

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.68"
    }
  }
}

# The token comes from the environment: HCLOUD_TOKEN.
provider "hcloud" {}

variable "release" {
  description = "The release that serves."
  type        = object({ version = string, url = string, sha256 = string })
}

variable "next_release" {
  description = "The release that comes."
  type        = object({ version = string, url = string, sha256 = string })
}

locals {
  cluster_id = "sluice-prod"
  listener   = { advertised_host = "kafka.example.internal" }
  redis      = { url = "redis://redis.example.internal:6379/0", key_prefix = "sluice:" }
  clusters = [
    { name = "eu", port_offset = 1, bootstrap_servers = ["k1.eu.example.com:9092"] },
    { name = "us", port_offset = 2, bootstrap_servers = ["k1.us.example.com:9092"] },
  ]
  routes = [{ prefix = "orders.", cluster = "eu" }, { cluster = "us" }]
}

module "blue" {
  source = "../../modules/node-config"

  release    = var.release
  cluster_id = local.cluster_id
  listener   = local.listener
  clusters   = local.clusters
  routes     = local.routes
  redis      = local.redis
}

module "green" {
  source = "../../modules/node-config"

  release    = var.next_release
  cluster_id = local.cluster_id
  listener   = local.listener
  clusters   = local.clusters
  routes     = concat(local.routes, [{ topic = "audit", cluster = "eu" }])
  redis      = local.redis
}

module "fleet" {
  source = "../../modules/hcloud-fleet"

  name     = "sluice"
  location = "fsn1"
  generations = {
    blue  = { node = module.blue, node_count = 3, server_type = "cpx31" }
    green = { node = module.green, node_count = 3, server_type = "cpx31" }
  }
  ssh = { key_names = ["operators"], cidrs = ["203.0.113.0/28"] }
  egress = [
    { description = "brokers", port = "9092", cidrs = ["198.51.100.0/28"] },
    { description = "Redis", port = "6379", cidrs = ["198.51.100.32/32"] },
    { description = "releases", port = "443", cidrs = ["203.0.113.20/32"] },
    { description = "time", port = "123", protocol = "udp", cidrs = ["203.0.113.123/32"] },
  ]
}

output "node_ips" {
  value = module.fleet.node_ips
}

output "secrets" {
  value = module.green.secrets
}
