output "load_balancer_ips" {
  description = "Addresses for the DNS name that `advertised_host` is: `private`, and `public` (null unless load_balancer.public)."
  value = {
    private = hcloud_load_balancer_network.this.ip
    public  = var.load_balancer.public ? hcloud_load_balancer.this.ipv4 : null
  }
}

output "client_ports" {
  description = "Ports of the load balancer: `bootstrap`, and one for each cluster that has its own."
  value       = local.ports
}

output "node_names" {
  description = "Names of the nodes by generation; they are the node ids in the live status."
  value       = { for generation in keys(var.generations) : generation => [for each in values(local.nodes) : each.name if each.generation == generation] }
}

output "node_ips" {
  description = "By node name: `public` (SSH, and the admin port for admin_cidrs) and `private`."
  value = { for each in hcloud_server.node : each.name => {
    public  = each.ipv4_address
    private = one(each.network[*].ip)
  } }
}

output "redis_ips" {
  description = "`public` (SSH) and `private` address of the own Redis, or null."
  value = var.redis == null ? null : {
    public  = hcloud_server.redis[0].ipv4_address
    private = var.redis.private_ip
  }
}
