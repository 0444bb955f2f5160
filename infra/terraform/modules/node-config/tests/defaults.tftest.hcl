variables {
  release = {
    version = "1.2.3"
    url     = "https://releases.example.com/sluice-1.2.3-linux-x64.tar.gz"
    sha256  = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
  }
  cluster_id = "sluice-test"
  listener   = { advertised_host = "kafka.example.com" }
  clusters   = [{ name = "eu", bootstrap_servers = ["k1.example.com:9092"] }]
  routes     = [{ cluster = "eu" }]
}

run "defaults" {
  command = plan

  assert {
    condition     = yamldecode(output.sluice_yaml).listeners[0].proxyProtocol == "required" && output.proxy_protocol
    error_message = "the load balancer sends a PROXY protocol header, so nodes must demand it"
  }
  assert {
    condition     = yamldecode(output.sluice_yaml).admin.bind == "127.0.0.1:9090" && output.admin_port == null
    error_message = "the admin port must stay on loopback"
  }
  assert {
    condition     = !can(yamldecode(output.sluice_yaml).fleet) && output.redis_host == null && length(output.secrets) == 0
    error_message = "there is no Redis and no secret unless asked for"
  }
  assert {
    condition     = output.ports == { bootstrap = 9092 }
    error_message = "a single cluster has the bootstrap port"
  }
  assert {
    condition     = length(output.user_data) < 16384
    error_message = "user data must leave half of Hetzner's 32 KiB to clusters and routes, but has ${length(output.user_data)} bytes"
  }
}

run "several_clusters" {
  command = plan
  variables {
    clusters = [
      { name = "eu", port_offset = 1, bootstrap_servers = ["k1.eu:9092"], window = { lanes = 12, max_bytes = "2MiB" } },
      { name = "us", port_offset = 2, bootstrap_servers = ["k1.us:9092"] },
    ]
    routes = [{ prefix = "orders.", cluster = "eu" }, { topic = "audit", cluster = "us" }, { cluster = "eu" }]
    limits = { maxConnections = 20000, memory = "1GiB" }
  }

  assert {
    condition     = output.ports == { bootstrap = 9092, eu = 9093, us = 9094 }
    error_message = "each cluster has a port of its own"
  }
  assert {
    condition     = yamldecode(output.sluice_yaml).clusters[0].window == { lanes = 12, maxBytes = "2MiB" }
    error_message = "a window holds what was given and nothing else"
  }
  assert {
    condition = jsonencode(yamldecode(output.sluice_yaml).routes[*].match) == jsonencode(
      [{ prefix = "orders." }, { topic = "audit" }, "default"]
    )
    error_message = "routes: prefix, topic, default"
  }
  assert {
    condition     = yamldecode(output.sluice_yaml).limits == { maxConnections = 20000, memory = "1GiB" }
    error_message = "numbers must stay numbers"
  }
}

run "one_broker_for_all" {
  command = plan
  variables {
    listener = { advertised_host = "kafka.example.com", per_cluster = false }
    clusters = [{ name = "eu", bootstrap_servers = ["k1:9092"] }, { name = "us", bootstrap_servers = ["k2:9092"] }]
  }

  assert {
    condition     = output.ports == { bootstrap = 9092 }
    error_message = "without per_cluster there is one port"
  }
}

run "redis" {
  command = plan
  variables {
    redis = { url = "redis://10.20.1.250:6379/0" }
  }

  assert {
    condition     = yamldecode(output.sluice_yaml).fleet.redis.passwordFile == "$${CREDENTIALS_DIRECTORY}/redis-password"
    error_message = "the password comes as a credential"
  }
  assert {
    condition     = output.redis_host == "10.20.1.250" && jsonencode(output.secrets) == jsonencode(["/etc/credstore/sluice.redis-password"])
    error_message = "the host and the file that must be put"
  }
}

run "redis_without_password" {
  command = plan
  variables {
    redis = { url = "redis://cache.example.com:6379/0", password = false }
  }

  assert {
    condition     = yamldecode(output.sluice_yaml).fleet.redis == { url = "redis://cache.example.com:6379/0" } && length(output.secrets) == 0
    error_message = "no password, no file"
  }
}

run "exposed_admin_port" {
  command = plan
  variables {
    admin = { expose = true }
  }

  assert {
    condition = (
      yamldecode(output.sluice_yaml).admin.bind == "0.0.0.0:9090" && output.admin_port == 9090 &&
      yamldecode(output.sluice_yaml).admin.auth.tokenFile == "$${CREDENTIALS_DIRECTORY}/admin-token"
    )
    error_message = "an exposed admin port demands a token"
  }
}

run "drain_fits_into_the_stop_timeout" {
  command = plan
  variables {
    drain = { delay_seconds = 30, timeout_seconds = 300 }
  }

  assert {
    condition     = strcontains(output.user_data, "TimeoutStopSec=310")
    error_message = "systemd must wait longer than drain.timeout"
  }
}

run "cloud_init" {
  command = plan

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n")
    error_message = "the first line tells cloud-init what it is"
  }
  assert {
    condition = one([
      for each in yamldecode(output.user_data).write_files : each.content if each.path == "/etc/systemd/system/sluice.service"
    ]) == file("../../../systemd/sluice.service")
    error_message = "the unit must be the one in infra/systemd"
  }
  assert {
    condition = contains(
      yamldecode(output.user_data).runcmd,
      ["/usr/local/sbin/sluice-install", var.release.version, var.release.url, var.release.sha256],
    )
    error_message = "the release is installed with its checksum"
  }
}
