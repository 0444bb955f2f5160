variable "release" {
  description = "The release that nodes install: what `npm run package` made, where they find it, and its SHA-256."
  type = object({
    version = string
    url     = string
    sha256  = string
  })
  nullable = false

  validation {
    condition     = can(regex("^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$", var.release.version))
    error_message = "release.version must be like 1.2.3 or 1.2.3-rc.1."
  }
  validation {
    condition     = can(regex("^https?://[^\\s\"'\\\\$`]+$", var.release.url))
    error_message = "release.url must begin with http:// or https:// and hold no blanks, quotes or dollar signs."
  }
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.release.sha256))
    error_message = "release.sha256 must be the 64 hex digits that stand in the .sha256 file beside the release."
  }
}

variable "cluster_id" {
  description = "`clusterId`: what clients take for the id of the one Kafka cluster they see. Never change it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,64}$", var.cluster_id))
    error_message = "cluster_id must be 1 to 64 letters, digits, dots, underscores and dashes."
  }
}

variable "listener" {
  description = "Where clients connect. `advertised_host` is a name for the load balancer that is valid where the clients are. The load balancer takes `proxy_protocol` from here."
  type = object({
    advertised_host = string
    port            = optional(number, 9092)
    proxy_protocol  = optional(bool, true)
    per_cluster     = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", var.listener.advertised_host))
    error_message = "listener.advertised_host must be a host name or an IPv4 address, without a port."
  }
  validation {
    condition     = var.listener.port >= 1024 && var.listener.port <= 65535 && floor(var.listener.port) == var.listener.port
    error_message = "listener.port must be a whole number from 1024 to 65535: the service may not bind lower ports."
  }
}

variable "clusters" {
  description = "The Kafka clusters behind the gateway. Attributes as in docs/config.md, in snake case; what is left out has the default told there."
  type = list(object({
    name               = string
    bootstrap_servers  = list(string)
    id                 = optional(number)
    port_offset        = optional(number)
    client_id          = optional(string)
    auto_create_topics = optional(bool)
    window = optional(object({
      linger                 = optional(string)
      max_bytes              = optional(string)
      max_partitions         = optional(number)
      lanes                  = optional(number)
      in_flight_bytes        = optional(string)
      submissions_per_second = optional(number)
    }), {})
  }))
  nullable = false

  validation {
    condition     = length(var.clusters) > 0
    error_message = "clusters must name at least one cluster."
  }
  validation {
    condition     = length(distinct(var.clusters[*].name)) == length(var.clusters)
    error_message = "clusters must have names that differ."
  }
  validation {
    condition = alltrue(flatten([
      for cluster in var.clusters : [
        length(cluster.bootstrap_servers) > 0,
        [for server in cluster.bootstrap_servers : can(regex("^[^\\s:]+:\\d{1,5}$", server))],
      ]
    ]))
    error_message = "clusters[].bootstrap_servers must hold at least one host:port each."
  }
  validation {
    condition = !var.listener.per_cluster || length(var.clusters) == 1 || (
      alltrue([for cluster in var.clusters : cluster.port_offset != null]) &&
      length(distinct(var.clusters[*].port_offset)) == length(var.clusters)
    )
    error_message = "clusters[].port_offset must be given and differ where there are several clusters: each has a port of its own."
  }
  validation {
    condition = alltrue([
      for cluster in var.clusters : coalesce(cluster.port_offset, 0) >= 0 &&
      var.listener.port + coalesce(cluster.port_offset, 0) <= 65535
    ])
    error_message = "clusters[].port_offset must not be negative, and listener.port + port_offset not above 65535."
  }
}

variable "routes" {
  description = "Which topic goes to which cluster: `topic` is an exact name, `prefix` the beginning of one; a route with neither is the default."
  type = list(object({
    topic   = optional(string)
    prefix  = optional(string)
    cluster = string
  }))
  nullable = false

  validation {
    condition     = length(var.routes) > 0
    error_message = "routes must hold at least one route."
  }
  validation {
    condition     = alltrue([for route in var.routes : route.topic == null || route.prefix == null])
    error_message = "routes[] must have a topic or a prefix, not both."
  }
  validation {
    condition     = alltrue([for route in var.routes : contains(var.clusters[*].name, route.cluster)])
    error_message = "routes[].cluster must be the name of one of the clusters."
  }
}

variable "redis" {
  description = "The Redis that the nodes share. Null: each node is alone, with every budget whole. With `password`, nodes read it from /etc/credstore/sluice.redis-password."
  type = object({
    url        = string
    password   = optional(bool, true)
    key_prefix = optional(string)
  })
  default = null

  validation {
    condition     = var.redis == null || can(regex("^rediss?://[^/@?\\s]+(/\\d+)?$", var.redis.url))
    error_message = "redis.url must be redis://HOST:PORT/DB or rediss://HOST:PORT/DB. It must not hold a password: user data and state can be read by many."
  }
}

variable "zone" {
  description = "`node.zone`, shown in the live status."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null || can(regex("^[!-~]{1,64}$", var.zone))
    error_message = "zone must be 1 to 64 ASCII characters without blanks."
  }
}

variable "workers" {
  description = "`node.workers`. Null: one per core."
  type        = number
  default     = null

  validation {
    condition     = var.workers == null || try(var.workers >= 1 && var.workers <= 256 && floor(var.workers) == var.workers, false)
    error_message = "workers must be a whole number from 1 to 256, or null."
  }
}

variable "refresh_interval" {
  description = "`refresh.interval`: how often the topics of each cluster are read."
  type        = string
  default     = "10s"
  nullable    = false

  validation {
    condition     = can(regex("^\\d+(s|m|h)$", var.refresh_interval))
    error_message = "refresh_interval must be a duration such as 10s or 1m."
  }
}

variable "admin" {
  description = "The admin port: dashboard, API, metrics, drain. It listens on loopback unless `expose` is true; then nodes read a bearer token from /etc/credstore/sluice.admin-token."
  type = object({
    port            = optional(number, 9090)
    expose          = optional(bool, false)
    allowed_origins = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for origin in var.admin.allowed_origins : can(regex("^https?://[^/\\s]+$", origin))])
    error_message = "admin.allowed_origins must be origins such as https://ops.example.com, without a path."
  }
}

variable "health_port" {
  description = "The port of /livez and /readyz, which the load balancer asks."
  type        = number
  default     = 9091
  nullable    = false

  validation {
    condition = length(distinct(concat(
      [var.health_port, var.admin.port, var.listener.port],
      [for cluster in var.clusters : var.listener.port + coalesce(cluster.port_offset, 0) if coalesce(cluster.port_offset, 0) > 0],
    ))) == 3 + length([for cluster in var.clusters : 1 if coalesce(cluster.port_offset, 0) > 0])
    error_message = "health_port, admin.port, listener.port and the ports of the clusters must all differ."
  }
  validation {
    condition     = alltrue([for port in [var.health_port, var.admin.port] : port >= 1024 && port <= 65535 && floor(port) == port])
    error_message = "health_port and admin.port must be whole numbers from 1024 to 65535: the service may not bind lower ports."
  }
}

variable "limits" {
  description = "`limits`, with keys and values as in docs/limits.md, such as { maxConnections = 20000, memory = \"1GiB\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for value in values(var.limits) : can(regex("^\\d+(B|KiB|MiB|GiB|TiB|ms|s|m|h|d)?$", value))])
    error_message = "limits must hold whole numbers, sizes such as 512MiB, or durations such as 30s."
  }
}

variable "drain" {
  description = "`drain`, in seconds. `delay_seconds`: until the load balancer has noticed. `timeout_seconds`: from SIGTERM to the end, delay included; systemd waits 10 s longer."
  type = object({
    delay_seconds   = optional(number, 12)
    timeout_seconds = optional(number, 27)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.drain.delay_seconds >= 0 && var.drain.delay_seconds < var.drain.timeout_seconds
    error_message = "drain.delay_seconds must be shorter than drain.timeout_seconds, which includes it."
  }
}

variable "log_level" {
  description = "`log.level`."
  type        = string
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["trace", "debug", "info", "warn", "error"], var.log_level)
    error_message = "log_level must be trace, debug, info, warn or error."
  }
}
