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
  network_id = 4711
  release = {
    version = "1.2.3"
    url     = "https://releases.example.com/sluice-1.2.3-linux-x64.tar.gz"
    sha256  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "applies" {
  assert {
    condition     = jsonencode(module.fleet.client_ports) == jsonencode({ bootstrap = 9092, eu = 9093, us = 9094 })
    error_message = "a port for each cluster"
  }
  assert {
    condition     = output.load_balancer_ips.public == "192.0.2.10" && output.redis_ips.private == "10.0.7.250"
    error_message = "a public listener, and an own Redis"
  }
  assert {
    condition     = length(output.secrets) == 2 && length(output.node_ips) == 3
    error_message = "two secrets to put, three nodes"
  }
}
