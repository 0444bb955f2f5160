# Each validation of variables.tf refuses what it is there for.
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

run "release_version" {
  command = plan
  variables {
    release = { version = "v1", url = "https://example.com/x", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  }
  expect_failures = [var.release]
}

run "release_url" {
  command = plan
  variables {
    release = { version = "1.2.3", url = "ftp://example.com/x", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  }
  expect_failures = [var.release]
}

run "release_sha256" {
  command = plan
  variables {
    release = { version = "1.2.3", url = "https://example.com/x", sha256 = "abc" }
  }
  expect_failures = [var.release]
}

run "cluster_id" {
  command = plan
  variables {
    cluster_id = "with blanks"
  }
  expect_failures = [var.cluster_id]
}

run "advertised_host_with_port" {
  command = plan
  variables {
    listener = { advertised_host = "kafka.example.com:9092" }
  }
  expect_failures = [var.listener]
}

run "privileged_port" {
  command = plan
  variables {
    listener = { advertised_host = "kafka.example.com", port = 443 }
  }
  expect_failures = [var.listener]
}

run "no_cluster" {
  command = plan
  variables {
    clusters = []
  }
  expect_failures = [var.clusters]
}

run "same_cluster_twice" {
  command = plan
  variables {
    clusters = [{ name = "eu", port_offset = 1, bootstrap_servers = ["k1:9092"] }, { name = "eu", port_offset = 2, bootstrap_servers = ["k2:9092"] }]
  }
  expect_failures = [var.clusters]
}

run "bootstrap_server_without_port" {
  command = plan
  variables {
    clusters = [{ name = "eu", bootstrap_servers = ["k1.example.com"] }]
  }
  expect_failures = [var.clusters]
}

run "several_clusters_without_port_offset" {
  command = plan
  variables {
    clusters = [{ name = "eu", bootstrap_servers = ["k1:9092"] }, { name = "us", bootstrap_servers = ["k2:9092"] }]
  }
  expect_failures = [var.clusters]
}

run "port_offset_too_large" {
  command = plan
  variables {
    clusters = [{ name = "eu", port_offset = 60000, bootstrap_servers = ["k1:9092"] }]
  }
  expect_failures = [var.clusters]
}

run "no_route" {
  command = plan
  variables {
    routes = []
  }
  expect_failures = [var.routes]
}

run "route_with_topic_and_prefix" {
  command = plan
  variables {
    routes = [{ topic = "a", prefix = "b", cluster = "eu" }]
  }
  expect_failures = [var.routes]
}

run "route_to_nowhere" {
  command = plan
  variables {
    routes = [{ cluster = "mars" }]
  }
  expect_failures = [var.routes]
}

run "redis_url_with_password" {
  command = plan
  variables {
    redis = { url = "redis://:secret@10.20.1.250:6379/0" }
  }
  expect_failures = [var.redis]
}

run "zone" {
  command = plan
  variables {
    zone = "a b"
  }
  expect_failures = [var.zone]
}

run "workers" {
  command = plan
  variables {
    workers = 0
  }
  expect_failures = [var.workers]
}

run "refresh_interval" {
  command = plan
  variables {
    refresh_interval = "often"
  }
  expect_failures = [var.refresh_interval]
}

run "origin_with_path" {
  command = plan
  variables {
    admin = { allowed_origins = ["https://ops.example.com/x"] }
  }
  expect_failures = [var.admin]
}

run "health_port_taken" {
  command = plan
  variables {
    health_port = 9090
  }
  expect_failures = [var.health_port]
}

run "privileged_health_port" {
  command = plan
  variables {
    health_port = 80
  }
  expect_failures = [var.health_port]
}

run "limit" {
  command = plan
  variables {
    limits = { memory = "a lot" }
  }
  expect_failures = [var.limits]
}

run "drain_shorter_than_its_delay" {
  command = plan
  variables {
    drain = { delay_seconds = 30 }
  }
  expect_failures = [var.drain]
}

run "log_level" {
  command = plan
  variables {
    log_level = "loud"
  }
  expect_failures = [var.log_level]
}
