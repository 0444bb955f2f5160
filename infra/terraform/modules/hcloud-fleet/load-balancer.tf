resource "hcloud_load_balancer" "this" {
  name               = var.name
  location           = var.location
  load_balancer_type = var.load_balancer.type
  labels             = merge(local.labels, { role = "load-balancer" })

  algorithm {
    type = "least_connections"
  }
}

resource "hcloud_load_balancer_network" "this" {
  load_balancer_id        = hcloud_load_balancer.this.id
  subnet_id               = hcloud_network_subnet.this.id
  enable_public_interface = var.load_balancer.public
}

# The bootstrap port and one for each cluster, the same inside and outside: Metadata names them.
resource "hcloud_load_balancer_service" "kafka" {
  for_each = local.ports

  load_balancer_id = hcloud_load_balancer.this.id
  protocol         = "tcp"
  listen_port      = each.value
  destination_port = each.value
  proxyprotocol    = local.any_node.proxy_protocol

  # Never a bare connect to a Kafka port: it says nothing of a drain. Two failures of 5 s each: drain.delay.
  health_check {
    protocol = "http"
    port     = local.any_node.health_port
    interval = 5
    timeout  = 3
    retries  = 2

    http {
      path         = "/readyz"
      status_codes = ["200"]
    }
  }
}

resource "hcloud_load_balancer_target" "nodes" {
  load_balancer_id = hcloud_load_balancer.this.id
  type             = "label_selector"
  label_selector   = local.node_selector
  use_private_ip   = true

  depends_on = [hcloud_load_balancer_network.this]
}
