resource "hcloud_network" "this" {
  count = var.network.id == null ? 1 : 0

  name     = var.name
  ip_range = var.network.cidr
  labels   = local.labels
}

resource "hcloud_network_subnet" "this" {
  network_id   = var.network.id == null ? hcloud_network.this[0].id : var.network.id
  type         = "cloud"
  network_zone = var.network.zone
  ip_range     = var.network.subnet_cidr
}

# For the public interface: Hetzner does not filter private networks. Clients, health checks and Redis come
# through the private network, so hardly anything needs a rule.
resource "hcloud_firewall" "this" {
  name   = var.name
  labels = local.labels

  dynamic "rule" {
    for_each = length(var.ssh.cidrs) > 0 ? [var.ssh.cidrs] : []
    content {
      description = "SSH"
      direction   = "in"
      protocol    = "tcp"
      port        = "22"
      source_ips  = rule.value
    }
  }

  dynamic "rule" {
    for_each = length(var.admin_cidrs) > 0 ? local.admin_ports : []
    content {
      description = "dashboard, API, metrics"
      direction   = "in"
      protocol    = "tcp"
      port        = tostring(rule.value)
      source_ips  = var.admin_cidrs
    }
  }

  dynamic "rule" {
    for_each = var.egress
    content {
      description     = rule.value.description
      direction       = "out"
      protocol        = rule.value.protocol
      port            = rule.value.port
      destination_ips = rule.value.cidrs
    }
  }
}
