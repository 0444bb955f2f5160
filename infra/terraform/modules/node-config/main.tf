locals {
  # The same files that an operator installs by hand.
  shared      = "${path.module}/../../.."
  unit        = file("${local.shared}/systemd/sluice.service")
  sysctl      = file("${local.shared}/systemd/90-sluice.conf")
  install     = file("${local.shared}/package/install.sh")
  credentials = "$${CREDENTIALS_DIRECTORY}"

  # What systemd waits beyond drain.timeout.
  stop_margin_seconds = 10

  ports = merge(
    { bootstrap = var.listener.port },
    var.listener.per_cluster ? {
      for cluster in var.clusters : cluster.name => var.listener.port + cluster.port_offset
      if coalesce(cluster.port_offset, 0) > 0
    } : {},
  )

  secrets = concat(
    var.admin.expose ? ["/etc/credstore/sluice.admin-token"] : [],
    try(var.redis.password, false) ? ["/etc/credstore/sluice.redis-password"] : [],
  )

  node = { for key, value in { zone = var.zone, workers = var.workers } : key => value if value != null }

  clusters = [for cluster in var.clusters : {
    for key, value in {
      name             = cluster.name
      id               = cluster.id
      bootstrapServers = cluster.bootstrap_servers
      portOffset       = var.listener.per_cluster ? cluster.port_offset : null
      clientId         = cluster.client_id
      autoCreateTopics = cluster.auto_create_topics
      window = { for key, value in {
        linger               = cluster.window.linger
        maxBytes             = cluster.window.max_bytes
        maxPartitions        = cluster.window.max_partitions
        lanes                = cluster.window.lanes
        inFlightBytes        = cluster.window.in_flight_bytes
        submissionsPerSecond = cluster.window.submissions_per_second
      } : key => value if value != null }
    } : key => value if value != null
  }]

  routes = [for route in var.routes : {
    cluster = route.cluster
    match = jsondecode(
      route.topic != null ? jsonencode({ topic = route.topic }) :
      route.prefix != null ? jsonencode({ prefix = route.prefix }) : jsonencode("default")
    )
  }]

  config = merge(
    {
      version   = 1
      clusterId = var.cluster_id
      node      = local.node
      listeners = [{
        name          = "public"
        bind          = "0.0.0.0:${var.listener.port}"
        proxyProtocol = var.listener.proxy_protocol ? "required" : "off"
        advertised = {
          mode       = "shared"
          host       = var.listener.advertised_host
          port       = var.listener.port
          perCluster = var.listener.per_cluster
        }
      }]
      clusters = local.clusters
      routes   = local.routes
      refresh  = { interval = var.refresh_interval }
      admin = merge(
        { bind = "${var.admin.expose ? "0.0.0.0" : "127.0.0.1"}:${var.admin.port}", allowedOrigins = var.admin.allowed_origins },
        var.admin.expose ? { auth = { tokenFile = "${local.credentials}/admin-token" } } : {},
      )
      health = { bind = "0.0.0.0:${var.health_port}" }
      # Not through a map of strings: 20000 must not become "20000".
      limits = { for key, value in var.limits : key => try(tonumber(value), value) }
      drain  = { delay = "${var.drain.delay_seconds}s", timeout = "${var.drain.timeout_seconds}s" }
      log    = { level = var.log_level, format = "json" }
    },
    var.redis == null ? {} : {
      fleet = { redis = { for key, value in {
        url          = var.redis.url
        passwordFile = var.redis.password ? "${local.credentials}/redis-password" : null
        keyPrefix    = var.redis.key_prefix
      } : key => value if value != null } }
    },
  )

  sluice_yaml = "# Written by cloud-init.\n${yamlencode(local.config)}"

  drop_in = <<-EOT
    [Service]
    # drain.timeout and ${local.stop_margin_seconds} s.
    TimeoutStopSec=${var.drain.timeout_seconds + local.stop_margin_seconds}
  EOT

  cloud_init = {
    # Passwords of the provider's are of no use.
    ssh_pwauth = false
    write_files = [
      { path = "/etc/sluice/sluice.yaml", permissions = "0644", content = local.sluice_yaml },
      { path = "/etc/systemd/system/sluice.service", permissions = "0644", content = local.unit },
      { path = "/etc/systemd/system/sluice.service.d/drain.conf", permissions = "0644", content = local.drop_in },
      { path = "/etc/sysctl.d/90-sluice.conf", permissions = "0644", content = local.sysctl },
      { path = "/usr/local/sbin/sluice-install", permissions = "0755", content = local.install },
    ]
    runcmd = [
      ["sysctl", "--quiet", "--load", "/etc/sysctl.d/90-sluice.conf"],
      ["/usr/local/sbin/sluice-install", var.release.version, var.release.url, var.release.sha256],
      ["systemctl", "daemon-reload"],
      # It may have to wait for its secrets; the boot does not.
      ["systemctl", "enable", "--now", "--no-block", "sluice.service"],
    ]
  }
}
