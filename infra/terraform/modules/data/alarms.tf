locals {
  postgres_alarms = {
    postgres-capacity = {
      description = "PostgreSQL is near its largest size, in percent"
      namespace   = "AWS/RDS"
      metric      = "ACUUtilization"
      dimensions  = { DBClusterIdentifier = var.name }
      statistic   = "Average"
      threshold   = 90
    }
    postgres-connections = {
      description = "Connections to PostgreSQL"
      namespace   = "AWS/RDS"
      metric      = "DatabaseConnections"
      dimensions  = { DBClusterIdentifier = var.name }
      statistic   = "Maximum"
      threshold   = var.max_connections
    }
    postgres-deadlocks = {
      description = "Deadlocks in PostgreSQL a second"
      namespace   = "AWS/RDS"
      metric      = "Deadlocks"
      dimensions  = { DBClusterIdentifier = var.name }
      statistic   = "Average"
      threshold   = 1
    }
  }
  redis_alarms = {
    redis-cpu = {
      description = "Valkey's processor, in percent"
      namespace   = "AWS/ElastiCache"
      metric      = "EngineCPUUtilization"
      dimensions  = { ReplicationGroupId = var.name }
      statistic   = "Maximum"
      threshold   = 80
    }
    redis-memory = {
      description = "Valkey's memory, in percent"
      namespace   = "AWS/ElastiCache"
      metric      = "DatabaseMemoryUsagePercentage"
      dimensions  = { ReplicationGroupId = var.name }
      statistic   = "Maximum"
      threshold   = 90
    }
  }
}
