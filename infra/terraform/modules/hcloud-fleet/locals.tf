locals {
  labels        = merge(var.labels, { fleet = var.name, managed-by = "terraform" })
  node_selector = "fleet=${var.name},role=node"

  # A name never comes back while its server lives: whatever replaces a server changes the end of its name.
  nodes = merge([
    for generation, each in var.generations : {
      for index in range(each.node_count) : "${generation}-${index + 1}" => merge(each, {
        generation = generation
        name       = "${var.name}-${generation}-${index + 1}-${substr(sha256("${each.node.user_data}${each.image}"), 0, 6)}"
      })
    }
  ]...)

  # All generations agree on what they have in common.
  any_node = values(var.generations)[0].node
  ports    = merge([for each in values(var.generations) : each.node.ports]...)

  admin_ports = distinct([for each in values(var.generations) : each.node.admin_port if each.node.admin_port != null])
}
