# Each validation of variables.tf refuses what it is there for.
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

run "name" {
  command = plan
  variables {
    name = "Sluice_Prod"
  }
  expect_failures = [var.name]
}

run "label_of_the_module" {
  command = plan
  variables {
    labels = { role = "mine" }
  }
  expect_failures = [var.labels]
}

run "label_value" {
  command = plan
  variables {
    labels = { team = "a b" }
  }
  expect_failures = [var.labels]
}

run "network_without_prefix" {
  command = plan
  variables {
    network = { subnet_cidr = "10.20.1.0" }
  }
  expect_failures = [var.network]
}

run "no_generation" {
  command = plan
  variables {
    generations = {}
  }
  expect_failures = [var.generations]
}

run "generation_name" {
  command = plan
  variables {
    generations = { Blue_1 = var.generations.blue }
  }
  expect_failures = [var.generations]
}

run "single_node" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node_count = 1 }) }
  }
  expect_failures = [var.generations]
}

run "too_many_nodes" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node_count = 11 }) }
  }
  expect_failures = [var.generations]
}

run "user_data_too_long" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { user_data = format("%32769s", "") }) }) }
  }
  expect_failures = [var.generations]
}

run "generations_of_two_minds_about_health" {
  command = plan
  variables {
    generations = { blue = var.generations.blue, green = merge(var.generations.blue, { node = merge(var.generations.blue.node, { health_port = 9099 }) }) }
  }
  expect_failures = [var.generations]
}

run "generations_of_two_minds_about_proxy_protocol" {
  command = plan
  variables {
    generations = { blue = var.generations.blue, green = merge(var.generations.blue, { node = merge(var.generations.blue.node, { proxy_protocol = false }) }) }
  }
  expect_failures = [var.generations]
}

run "generations_of_two_minds_about_ports" {
  command = plan
  variables {
    generations = { blue = var.generations.blue, green = merge(var.generations.blue, { node = merge(var.generations.blue.node, { ports = { bootstrap = 9092, eu = 9095 } }) }) }
  }
  expect_failures = [var.generations]
}

run "drain_before_the_load_balancer_knows" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { drain = { delay_seconds = 5, timeout_seconds = 27 } }) }) }
  }
  expect_failures = [var.generations]
}

run "no_ssh_key" {
  command = plan
  variables {
    ssh = { key_names = [] }
  }
  expect_failures = [var.ssh]
}

run "ssh_from_everywhere" {
  command = plan
  variables {
    ssh = { key_names = ["ops"], cidrs = ["0.0.0.0/0"] }
  }
  expect_failures = [var.ssh]
}

run "ssh_from_everywhere_by_ipv6" {
  command = plan
  variables {
    ssh = { key_names = ["ops"], cidrs = ["::/0"] }
  }
  expect_failures = [var.ssh]
}

run "admin_from_everywhere" {
  command = plan
  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.admin_cidrs]
}

run "no_egress" {
  command = plan
  variables {
    egress = []
  }
  expect_failures = [var.egress]
}

run "egress_to_everywhere" {
  command = plan
  variables {
    egress = [{ description = "all", port = "any", cidrs = ["0.0.0.0/0"] }]
  }
  expect_failures = [var.egress]
}

run "egress_port" {
  command = plan
  variables {
    egress = [{ description = "brokers", port = "kafka", cidrs = ["198.51.100.0/24"] }]
  }
  expect_failures = [var.egress]
}

run "redis_outside_the_subnet" {
  command = plan
  variables {
    redis       = { private_ip = "10.99.1.250", server_type = "cpx11" }
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { redis_host = "10.99.1.250" }) }) }
  }
  expect_failures = [var.redis]
}

run "redis_that_nodes_do_not_know" {
  command = plan
  variables {
    redis = { private_ip = "10.20.1.250", server_type = "cpx11" }
  }
  expect_failures = [var.redis]
}

run "drain_that_does_not_fit_is_warned_of" {
  command = plan
  variables {
    generations = { blue = merge(var.generations.blue, { node = merge(var.generations.blue.node, { drain = { delay_seconds = 12, timeout_seconds = 60 } }) }) }
  }
  expect_failures = [check.drain_fits_into_shutdown]
}
