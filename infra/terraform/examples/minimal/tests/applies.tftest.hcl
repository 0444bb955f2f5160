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
  release = {
    version = "1.2.3"
    url     = "https://releases.example.com/sluice-1.2.3-linux-x64.tar.gz"
    sha256  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "applies" {
  assert {
    condition     = length(module.fleet.node_names.blue) == 2 && jsonencode(module.fleet.client_ports) == jsonencode({ bootstrap = 9092 })
    error_message = "two nodes, one port"
  }
  assert {
    condition     = output.load_balancer_ips.public == null && output.load_balancer_ips.private == "10.20.1.5"
    error_message = "reachable from the private network only"
  }
  assert {
    condition     = length(module.blue.secrets) == 0
    error_message = "no secret is needed"
  }
}
