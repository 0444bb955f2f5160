# Nothing in it must outlive a restart, so there is one server, without persistence or backup.
resource "hcloud_server" "redis" {
  count = var.redis == null ? 0 : 1

  name         = "${var.name}-redis"
  location     = var.location
  server_type  = var.redis.server_type
  image        = var.redis.image
  ssh_keys     = var.ssh.key_names
  firewall_ids = [hcloud_firewall.this.id]
  labels       = merge(local.labels, { role = "redis" })

  user_data = templatefile("${path.module}/templates/redis.yaml.tftpl", {
    private_ip = var.redis.private_ip
    subnet     = var.network.subnet_cidr
  })

  network {
    network_id = hcloud_network_subnet.this.network_id
    ip         = var.redis.private_ip
  }
}
