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
  next_release = {
    version = "1.3.0"
    url     = "https://releases.example.com/sluice-1.3.0-linux-x64.tar.gz"
    sha256  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "applies" {
  assert {
    condition     = length(output.node_ips) == 6 && length(distinct(flatten(values(module.fleet.node_names)))) == 6
    error_message = "six nodes under six names"
  }
  assert {
    condition     = module.blue.version == "1.2.3" && module.green.version == "1.3.0" && module.blue.ports == module.green.ports
    error_message = "two releases behind the same ports"
  }
}
