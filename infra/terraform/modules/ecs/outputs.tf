output "url" {
  description = "Where the app answers."
  value       = "https://${var.domain}"
}

output "address" {
  description = "Name that the domain's record points to, where DNS is kept elsewhere."
  value       = aws_lb.this.dns_name
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "Name of the service."
  value       = aws_ecs_service.app.name
}

output "task_definition" {
  description = "ARN of the task definition, for single runs of the app's command line such as migrate run."
  value       = aws_ecs_task_definition.app.arn
}

output "network" {
  description = "Where such runs take place."
  value       = { subnets = var.private_subnet_ids, security_groups = [aws_security_group.app.id] }
}

output "role_arn" {
  description = "ARN of the role that the app runs as."
  value       = aws_iam_role.app.arn
}

output "security_group_id" {
  description = "Id of the app's security group."
  value       = aws_security_group.app.id
}

output "log_group" {
  description = "Name of the group that the app's log is in."
  value       = aws_cloudwatch_log_group.app.name
}

output "alarms" {
  description = "What is worth telling, for the module monitoring."
  value = {
    app-5xx = {
      description = "Answers of the app with 5xx in a minute"
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_Target_5XX_Count"
      dimensions  = { LoadBalancer = aws_lb.this.arn_suffix }
      statistic   = "Sum"
      threshold   = 5
    }
    balancer-5xx = {
      description = "Answers of the balancer in the app's place in a minute"
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_ELB_5XX_Count"
      dimensions  = { LoadBalancer = aws_lb.this.arn_suffix }
      statistic   = "Sum"
      threshold   = 5
    }
    app-latency = {
      description = "Seconds until the answer, for the slowest of a hundred"
      namespace   = "AWS/ApplicationELB"
      metric      = "TargetResponseTime"
      dimensions  = { LoadBalancer = aws_lb.this.arn_suffix }
      statistic   = "p99"
      threshold   = 2
    }
    app-instances = {
      description = "Instances that are well"
      namespace   = "AWS/ApplicationELB"
      metric      = "HealthyHostCount"
      dimensions  = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.app.arn_suffix }
      statistic   = "Minimum"
      threshold   = 1
      below       = true
      missing     = "breaching"
    }
    app-cpu = {
      description = "Processor of the app, in percent"
      namespace   = "AWS/ECS"
      metric      = "CPUUtilization"
      dimensions  = { ClusterName = var.name, ServiceName = "app" }
      statistic   = "Average"
      threshold   = 85
    }
    app-memory = {
      description = "Memory of the app, in percent"
      namespace   = "AWS/ECS"
      metric      = "MemoryUtilization"
      dimensions  = { ClusterName = var.name, ServiceName = "app" }
      statistic   = "Average"
      threshold   = 85
    }
  }
}
