# Two nodes in front of one cluster, no Redis: each node has every budget whole. The load balancer is reachable
# from the private network only.

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

module "blue" {
  source = "../../modules/node-config"

  release    = var.release
  cluster_id = "sluice-prod"
  listener   = { advertised_host = "kafka.example.internal" }
  clusters   = [{ name = "main", bootstrap_servers = ["k1.example.com:9092", "k2.example.com:9092"] }]
  routes     = [{ cluster = "main" }]
}

module "fleet" {
  source = "../../modules/hcloud-fleet"

  name        = "sluice"
  location    = "fsn1"
  generations = { blue = { node = module.blue, node_count = 2, server_type = "cpx31" } }
  ssh         = { key_names = ["operators"] }
  egress = [
    { description = "brokers", port = "9092", cidrs = ["198.51.100.0/28"] },
    { description = "releases", port = "443", cidrs = ["203.0.113.20/32"] },
    { description = "time", port = "123", protocol = "udp", cidrs = ["203.0.113.123/32"] },
  ]
}

output "load_balancer_ips" {
  value = module.fleet.load_balancer_ips
}
