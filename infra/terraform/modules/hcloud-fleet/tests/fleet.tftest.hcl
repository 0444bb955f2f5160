# The provider is never asked for anything real; it only needs ids that are numbers.
mock_provider "hcloud" {
  mock_resource "hcloud_network" { defaults = { id = "1001" } }
  mock_resource "hcloud_network_subnet" { defaults = { id = "1001-10.20.1.0/24" } }
  mock_resource "hcloud_firewall" { defaults = { id = "1002" } }
  mock_resource "hcloud_placement_group" { defaults = { id = "1003" } }
  mock_resource "hcloud_load_balancer" { defaults = { id = "1004", ipv4 = "192.0.2.10" } }
  mock_resource "hcloud_load_balancer_network" { defaults = { ip = "10.20.1.5" } }
  mock_resource "hcloud_server" { defaults = { id = "1005", ipv4_address = "192.0.2.11" } }
}

variables {
  name     = "sluice-test"
  location = "fsn1"
  ssh      = { key_names = ["ops"] }
  egress   = [{ description = "brokers", port = "9092", cidrs = ["198.51.100.0/24"] }]
  generations = {
    blue = {
      node = {
        user_data      = "#cloud-config"
        version        = "1.2.3"
        ports          = { bootstrap = 9092, eu = 9093 }
        health_port    = 9091
        proxy_protocol = true
        drain          = { delay_seconds = 12, timeout_seconds = 27 }
      }
      node_count  = 2
      server_type = "cpx31"
    }
  }
}

run "defaults" {
  command = plan

  assert {
    condition     = length(hcloud_server.node) == 2 && length(hcloud_server.redis) == 0 && length(hcloud_network.this) == 1
    error_message = "two nodes, a network, and no Redis unless asked for"
  }
  assert {
    condition     = alltrue([for each in hcloud_server.node : each.shutdown_before_deletion])
    error_message = "nodes must be asked to stop before they are deleted, or they cannot drain"
  }
  assert {
    condition     = hcloud_load_balancer_network.this.enable_public_interface == false
    error_message = "the load balancer must not be on the internet unless asked for"
  }
  assert {
    condition     = alltrue([for each in hcloud_server.node : each.ssh_keys == tolist(["ops"])])
    error_message = "every server has the SSH key, so that Hetzner makes no password"
  }
}

run "load_balancer_asks_for_readiness" {
  command = plan

  assert {
    condition = alltrue([for each in hcloud_load_balancer_service.kafka :
      each.health_check[0].protocol == "http" && each.health_check[0].port == 9091 && each.health_check[0].http[0].path == "/readyz"
    ])
    error_message = "health checks go to /readyz on the health port"
  }
  assert {
    condition = alltrue([for each in hcloud_load_balancer_service.kafka :
      each.health_check[0].interval * each.health_check[0].retries < var.generations.blue.node.drain.delay_seconds
    ])
    error_message = "the load balancer must have noticed a drain before the listeners close"
  }
  assert {
    condition     = { for name, each in hcloud_load_balancer_service.kafka : name => [each.listen_port, each.destination_port] } == { bootstrap = [9092, 9092], eu = [9093, 9093] }
    error_message = "the bootstrap port and one for each cluster, the same inside and outside"
  }
  assert {
    condition     = alltrue([for each in hcloud_load_balancer_service.kafka : each.protocol == "tcp" && each.proxyprotocol])
    error_message = "TCP with a PROXY protocol header, as the nodes demand"
  }
}

run "no_proxy_protocol_on_both_sides" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { proxy_protocol = false }) }) }
  }

  assert {
    condition     = alltrue([for each in hcloud_load_balancer_service.kafka : !each.proxyprotocol])
    error_message = "the load balancer must not send what nodes do not expect"
  }
}

run "firewall_is_shut" {
  command = plan

  assert {
    condition     = length([for rule in hcloud_firewall.this.rule : rule if rule.direction == "in"]) == 0
    error_message = "nobody may come in from outside unless asked for"
  }
  assert {
    condition     = jsonencode([for rule in hcloud_firewall.this.rule : [rule.port, rule.destination_ips] if rule.direction == "out"]) == jsonencode([["9092", ["198.51.100.0/24"]]])
    error_message = "only what egress names may be reached"
  }
  assert {
    condition     = alltrue([for each in hcloud_server.node : length(each.firewall_ids) == 1])
    error_message = "every node is behind the firewall"
  }
}

run "firewall_opens_to_operators" {
  command = plan
  variables {
    ssh         = { key_names = ["ops"], cidrs = ["203.0.113.7/32"] }
    admin_cidrs = ["203.0.113.0/24"]
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { admin_port = 9090 }) }) }
  }

  assert {
    condition = { for rule in hcloud_firewall.this.rule : rule.port => one(rule.source_ips) if rule.direction == "in" } == {
      "22" = "203.0.113.7/32", "9090" = "203.0.113.0/24"
    }
    error_message = "SSH and the admin port, each to those who were named"
  }
}

run "labels_on_everything" {
  command = plan
  variables {
    labels      = { environment = "test" }
    redis       = { private_ip = "10.20.1.250", server_type = "cpx11" }
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { redis_host = "10.20.1.250" }) }) }
  }

  assert {
    condition = alltrue([
      for each in concat(
        [hcloud_network.this[0], hcloud_firewall.this, hcloud_load_balancer.this], hcloud_server.redis,
        values(hcloud_placement_group.nodes), values(hcloud_server.node),
      ) : each.labels["fleet"] == "sluice-test" && each.labels["managed-by"] == "terraform" && each.labels["environment"] == "test"
    ])
    error_message = "everything that can have labels has them"
  }
  assert {
    condition = alltrue([for each in hcloud_server.node :
      each.labels["role"] == "node" && each.labels["generation"] == "blue" && each.labels["version"] == "1.2.3"
    ])
    error_message = "nodes say their generation and version"
  }
  assert {
    condition     = hcloud_server.redis[0].labels["role"] == "redis"
    error_message = "Redis must not look like a node: clients would be sent to it"
  }
}

run "blue_and_green_under_one_selector" {
  command = plan
  variables {
    generations = {
      blue  = var.generations.blue
      green = merge(var.generations.blue, { node_count = 3, node = merge(var.generations.blue.node, { user_data = "#cloud-config new", version = "1.3.0", ports = { bootstrap = 9092, us = 9094 } }) })
    }
  }

  assert {
    condition     = length(hcloud_server.node) == 5 && length(distinct(values(hcloud_server.node)[*].name)) == 5
    error_message = "all nodes of both, under names that differ"
  }
  assert {
    condition = hcloud_load_balancer_target.nodes.label_selector == "fleet=sluice-test,role=node" && alltrue([
      for each in hcloud_server.node : each.labels["fleet"] == "sluice-test" && each.labels["role"] == "node"
    ])
    error_message = "the load balancer finds the nodes of both"
  }
  assert {
    condition     = jsonencode(output.client_ports) == jsonencode({ bootstrap = 9092, eu = 9093, us = 9094 })
    error_message = "the ports of both are served"
  }
  assert {
    condition     = length(hcloud_placement_group.nodes) == 2
    error_message = "each generation is spread for itself"
  }
}

run "a_replacement_has_another_name" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { user_data = "#cloud-config new" }) }) }
  }

  assert {
    condition     = hcloud_server.node["blue-1"].name != run.defaults.node_names.blue[0]
    error_message = "the new server is made before the old one goes, so it needs a name of its own"
  }
}

run "own_redis" {
  variables {
    redis       = { private_ip = "10.20.1.250", server_type = "cpx11" }
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { redis_host = "10.20.1.250" }) }) }
  }

  assert {
    condition     = one(hcloud_server.redis[0].network[*].ip) == "10.20.1.250" && output.redis_ips.private == "10.20.1.250"
    error_message = "Redis has the address that nodes were told"
  }
  assert {
    condition     = strcontains(hcloud_server.redis[0].user_data, "user default off")
    error_message = "nobody gets into Redis before the password is put there"
  }
  assert {
    condition     = !can(regex("(?i)requirepass|user default on", hcloud_server.redis[0].user_data))
    error_message = "no password in user data"
  }
  assert {
    condition     = length(hcloud_server.redis[0].firewall_ids) == 1
    error_message = "Redis is behind the firewall"
  }
}

run "own_network" {
  command = plan
  variables {
    network = { id = 4711, subnet_cidr = "10.0.7.0/24" }
  }

  assert {
    condition     = length(hcloud_network.this) == 0 && hcloud_network_subnet.this.network_id == 4711
    error_message = "the subnet is made in the network that was named"
  }
}

run "public_listener" {
  variables {
    load_balancer = { public = true }
  }

  assert {
    condition     = hcloud_load_balancer_network.this.enable_public_interface && output.load_balancer_ips.public == "192.0.2.10"
    error_message = "public when asked for"
  }
  assert {
    condition     = length([for rule in hcloud_firewall.this.rule : rule if rule.direction == "in"]) == 0
    error_message = "the nodes themselves stay shut"
  }
}
