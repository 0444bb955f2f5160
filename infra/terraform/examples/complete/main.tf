# Everything switched on: two clusters with ports of their own, a Redis of the fleet's own with a password, the
# dashboard and metrics for operators, SSH for them, a network that exists already, and a public listener.

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
  description = "What nodes install: the version, where they find the tarball, and its SHA-256."
  type        = object({ version = string, url = string, sha256 = string })
}

variable "network_id" {
  description = "The private network that the brokers are in, too."
  type        = number
}

locals {
  operators = ["203.0.113.0/28"]
  # Far from the beginning of the subnet: Hetzner gives addresses to nodes from there on.
  redis_ip = "10.0.7.250"
}

module "blue" {
  source = "../../modules/node-config"

  release    = var.release
  cluster_id = "sluice-prod"
  zone       = "fsn1"
  listener   = { advertised_host = "kafka.example.com" }
  clusters = [
    { name = "eu", port_offset = 1, bootstrap_servers = ["10.0.1.11:9092", "10.0.1.12:9092"], window = { lanes = 24, in_flight_bytes = "64MiB" } },
    { name = "us", port_offset = 2, bootstrap_servers = ["10.0.2.11:9092"] },
  ]
  routes = [
    { prefix = "orders.", cluster = "eu" },
    { topic = "audit", cluster = "us" },
    { cluster = "eu" },
  ]
  redis  = { url = "redis://${local.redis_ip}:6379/0" }
  admin  = { expose = true, allowed_origins = ["https://ops.example.com"] }
  limits = { maxConnections = 20000, memory = "1GiB" }
}

module "fleet" {
  source = "../../modules/hcloud-fleet"

  name          = "sluice"
  location      = "fsn1"
  labels        = { environment = "prod", service = "sluice" }
  network       = { id = var.network_id, subnet_cidr = "10.0.7.0/24" }
  generations   = { blue = { node = module.blue, node_count = 3, server_type = "cpx31" } }
  load_balancer = { type = "lb21", public = true }
  redis         = { private_ip = local.redis_ip, server_type = "cpx11" }
  ssh           = { key_names = ["operators"], cidrs = local.operators }
  admin_cidrs   = local.operators
  egress = [
    { description = "releases and Debian packages", port = "80-443", cidrs = ["203.0.113.16/28"] },
    { description = "time", port = "123", protocol = "udp", cidrs = ["203.0.113.123/32"] },
  ]
}

output "load_balancer_ips" {
  value = module.fleet.load_balancer_ips
}

output "node_ips" {
  value = module.fleet.node_ips
}

output "redis_ips" {
  value = module.fleet.redis_ips
}

# What must be put on each node before it serves: README.md of hcloud-fleet says how.
output "secrets" {
  value = module.blue.secrets
}
