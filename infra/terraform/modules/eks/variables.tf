variable "name" {
  description = "Name of the app and its environment, as in films-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,39}$", var.name))
    error_message = "name has 3 to 40 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts what is kept."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "architecture" {
  description = "Processor that the image is for: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
  }
}

variable "policies" {
  description = "What the app's own role may do: policies (JSON) by name, as modules secrets and data answer them."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy).Statement)])
    error_message = "policies are IAM policies as JSON."
  }
}

variable "kubernetes_version" {
  description = "Version of Kubernetes, as in 1.33."
  type        = string
  default     = "1.33"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version is as in 1.33."
  }
}

variable "api_cidrs" {
  description = "Blocks of addresses from which the cluster's interface can be reached, as in an office or a CI; none leaves it to the network."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.api_cidrs : can(cidrhost(cidr, 0)) && try(tonumber(split("/", cidr)[1]), 0) >= 8])
    error_message = "api_cidrs are blocks of addresses, /8 or smaller: not everybody's."
  }
}

variable "cluster_admins" {
  description = "ARNs of the roles (or users) that may do everything on the cluster."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.cluster_admins : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "cluster_admins are ARNs of IAM roles or users."
  }
}

variable "namespace" {
  description = "Namespace that the app runs in."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace is the name of a namespace of Kubernetes."
  }
}

variable "service_account" {
  description = "Service account that the app runs as."
  type        = string
  default     = "app"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.service_account))
    error_message = "service_account is the name of a service account of Kubernetes."
  }
}

variable "node_types" {
  description = "Machines that nodes may be."
  type        = list(string)
  default     = ["m7i.large"]

  validation {
    condition     = length(var.node_types) > 0 && alltrue([for type in var.node_types : can(regex("^[a-z0-9-]+\\.[a-z0-9]+$", type))])
    error_message = "node_types are as in m7i.large, one at least."
  }
}

variable "disk_gib" {
  description = "Disk of a node, in GiB."
  type        = number
  default     = 30

  validation {
    condition     = var.disk_gib >= 20
    error_message = "disk_gib is 20 at least."
  }
}

variable "min_nodes" {
  description = "Fewest nodes; with two, one can go away."
  type        = number
  default     = 2

  validation {
    condition     = var.min_nodes >= 1
    error_message = "min_nodes is 1 at least."
  }
}

variable "max_nodes" {
  description = "Most nodes."
  type        = number
  default     = 6

  validation {
    condition     = var.max_nodes >= var.min_nodes
    error_message = "max_nodes is no less than min_nodes."
  }
}

variable "subnet_ids" {
  description = "Ids of private subnets, for nodes and the cluster's interface."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2 && alltrue([for id in var.subnet_ids : can(regex("^subnet-", id))])
    error_message = "subnet_ids are ids that begin with subnet-, two at least."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a number that CloudWatch knows, such as 30, 90 or 365."
  }
}
