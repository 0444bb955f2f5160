resource "hcloud_placement_group" "nodes" {
  for_each = var.generations

  name   = "${var.name}-${each.key}"
  type   = "spread"
  labels = merge(local.labels, { role = "node", generation = each.key })
}

resource "hcloud_server" "node" {
  for_each = local.nodes

  name               = each.value.name
  location           = var.location
  server_type        = each.value.server_type
  image              = each.value.image
  placement_group_id = hcloud_placement_group.nodes[each.value.generation].id
  ssh_keys           = var.ssh.key_names
  firewall_ids       = [hcloud_firewall.this.id]
  user_data          = each.value.node.user_data
  labels = merge(local.labels, {
    role       = "node"
    generation = each.value.generation
    version    = each.value.node.version
  })

  network {
    network_id = hcloud_network_subnet.this.network_id
  }

  # The provider asks the system to stop, and deletes the server about 31 s later in any case.
  shutdown_before_deletion = true

  lifecycle {
    create_before_destroy = true
  }
}

# A drain that takes longer must be over before terraform apply: POST /drain, then wait for `drained`.
check "drain_fits_into_shutdown" {
  assert {
    condition     = alltrue([for each in values(var.generations) : each.node.drain.timeout_seconds <= 28])
    error_message = "drain.timeout_seconds is over 28: Hetzner deletes a server 31 s after it was asked to stop. Drain nodes by POST /drain before you remove them."
  }
}
