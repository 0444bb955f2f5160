variable "name" {
  description = "Begins the name of everything, and is the value of the label `fleet`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", var.name))
    error_message = "name must be 1 to 30 lower-case letters, digits and dashes: it becomes part of host names."
  }
}

variable "location" {
  description = "Where servers and load balancer stand, such as fsn1."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Further labels for every resource that can have them. `fleet`, `role`, `generation`, `version` and `managed-by` are set here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.labels), ["fleet", "role", "generation", "version", "managed-by"])) == 0
    error_message = "labels must not set fleet, role, generation, version or managed-by: the load balancer finds its nodes by them."
  }
  validation {
    condition     = alltrue([for value in values(var.labels) : can(regex("^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$", value))])
    error_message = "labels must have values of at most 63 letters, digits, dots, underscores and dashes."
  }
}

variable "network" {
  description = "The private network. With `id` the subnet is made in that network, which stays yours; else one is made for `cidr`."
  type = object({
    id          = optional(number)
    cidr        = optional(string, "10.20.0.0/16")
    subnet_cidr = optional(string, "10.20.1.0/24")
    zone        = optional(string, "eu-central")
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(cidrnetmask(var.network.cidr)) && can(cidrnetmask(var.network.subnet_cidr))
    error_message = "network.cidr and network.subnet_cidr must be IPv4 ranges such as 10.20.1.0/24."
  }
}

variable "generations" {
  description = "Nodes by generation, all behind the one load balancer. `node` is an instance of the module node-config. A generation is never changed while it serves: add another, drain and remove this one."
  type = map(object({
    node = object({
      user_data      = string
      version        = string
      ports          = map(number)
      health_port    = number
      admin_port     = optional(number)
      proxy_protocol = bool
      redis_host     = optional(string)
      drain = object({
        delay_seconds   = number
        timeout_seconds = number
      })
    })
    node_count  = number
    server_type = string
    image       = optional(string, "debian-12")
  }))
  nullable = false

  validation {
    condition     = length(var.generations) > 0
    error_message = "generations must hold at least one generation, such as blue."
  }
  validation {
    condition     = alltrue([for key in keys(var.generations) : can(regex("^[a-z][a-z0-9]{0,15}$", key))])
    error_message = "generations must have names of 1 to 16 lower-case letters and digits, such as blue."
  }
  validation {
    condition     = alltrue([for each in values(var.generations) : each.node_count >= 2 && each.node_count <= 10 && floor(each.node_count) == each.node_count])
    error_message = "generations[].node_count must be 2 to 10: one node alone cannot be replaced unnoticed, and a placement group spreads 10."
  }
  validation {
    condition     = alltrue([for each in values(var.generations) : length(each.node.user_data) <= 32768])
    error_message = "generations[].node.user_data must be at most 32 KiB, which is what Hetzner takes: shorten clusters and routes."
  }
  validation {
    condition = (
      length(distinct([for each in values(var.generations) : each.node.health_port])) <= 1 &&
      length(distinct([for each in values(var.generations) : each.node.proxy_protocol])) <= 1
    )
    error_message = "generations must agree on health_port and proxy_protocol: one load balancer serves them all."
  }
  validation {
    condition = alltrue(flatten([
      for each in values(var.generations) : [
        for other in values(var.generations) : [
          for name, port in each.node.ports : lookup(other.node.ports, name, port) == port
        ]
      ]
    ]))
    error_message = "generations must give the same port to the same cluster: clients of one meet nodes of the other."
  }
  validation {
    # The load balancer asks every 5 s and believes the second answer.
    condition     = alltrue([for each in values(var.generations) : each.node.drain.delay_seconds >= 10])
    error_message = "generations[].node.drain.delay_seconds must be at least 10: the load balancer needs that long to notice a drain."
  }
}

variable "load_balancer" {
  description = "`type` as Hetzner names them; each client port is one of its services. Only with `public` it is reachable from the internet, by everybody: Hetzner has no firewall for load balancers, and Sluice no TLS yet."
  type = object({
    type   = optional(string, "lb11")
    public = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "ssh" {
  description = "`key_names`: SSH keys known to Hetzner; without one it would make a root password. `cidrs`: who may connect to port 22; by default nobody."
  type = object({
    key_names = list(string)
    cidrs     = optional(list(string), [])
  })
  nullable = false

  validation {
    condition     = length(var.ssh.key_names) > 0
    error_message = "ssh.key_names must name at least one key: without one Hetzner makes a root password."
  }
  validation {
    condition     = alltrue([for cidr in var.ssh.cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "ssh.cidrs must be address ranges, and not the whole internet."
  }
}

variable "admin_cidrs" {
  description = "Who may reach the admin port of the nodes from outside the private network; by default nobody. Needs `admin.expose` in node-config."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "admin_cidrs must be address ranges, and not the whole internet."
  }
}

variable "egress" {
  description = "What servers may connect to outside the private network: brokers, where the release is, time servers, a Redis of your own. All else is dropped. `port` is one port, a range such as 9092-9094, or any."
  type = list(object({
    description = string
    port        = string
    cidrs       = list(string)
    protocol    = optional(string, "tcp")
  }))
  nullable = false

  validation {
    # Without any rule Hetzner lets everything out.
    condition     = length(var.egress) > 0
    error_message = "egress must hold at least one rule, or everything would be let out."
  }
  validation {
    condition     = alltrue(flatten([for rule in var.egress : [for cidr in rule.cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")]]))
    error_message = "egress[].cidrs must be address ranges, and not the whole internet."
  }
  validation {
    condition     = alltrue([for rule in var.egress : contains(["tcp", "udp"], rule.protocol) && can(regex("^(any|\\d{1,5}(-\\d{1,5})?)$", rule.port))])
    error_message = "egress[] must have the protocol tcp or udp, and a port, a range such as 9092-9094, or any."
  }
}

variable "redis" {
  description = "A Redis server of the fleet's own, at `private_ip` in the subnet. Null: none is made, and node-config names yours or none."
  type = object({
    private_ip  = string
    server_type = string
    image       = optional(string, "debian-12")
  })
  default = null

  validation {
    condition = var.redis == null || try(
      cidrhost("${var.redis.private_ip}/${split("/", var.network.subnet_cidr)[1]}", 0) == cidrhost(var.network.subnet_cidr, 0), false
    )
    error_message = "redis.private_ip must be an address in network.subnet_cidr."
  }
  validation {
    condition     = var.redis == null || alltrue([for each in values(var.generations) : each.node.redis_host == try(var.redis.private_ip, null)])
    error_message = "redis.private_ip must be the host of redis.url in every generation's node-config: nodes would look for it elsewhere."
  }
}
