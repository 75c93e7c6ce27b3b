output "cluster_name" {
  description = "Name of the cluster, for aws eks update-kubeconfig."
  value       = aws_eks_cluster.this.name
}

output "namespace" {
  description = "Namespace that the app runs in."
  value       = aws_eks_pod_identity_association.app.namespace
}

output "service_account" {
  description = "Service account that the app runs as."
  value       = aws_eks_pod_identity_association.app.service_account
}

output "role_arn" {
  description = "ARN of the role that the app's pods get."
  value       = aws_iam_role.app.arn
}

output "security_group_id" {
  description = "Id of the security group that nodes and their pods are in."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "oidc_provider_arn" {
  description = "ARN of the provider that knows the cluster's service accounts."
  value       = aws_iam_openid_connect_provider.cluster.arn
}

output "alarms" {
  description = "What is worth telling of the control plane, for the module monitoring. What runs on it is told by Prometheus (infra/prometheus)."
  value = {
    cluster-5xx = {
      description = "Answers of the cluster's interface with 5xx in a minute"
      namespace   = "AWS/EKS"
      metric      = "apiserver_request_total_5XX"
      dimensions  = { ClusterName = var.name }
      statistic   = "Sum"
      threshold   = 10
    }
    cluster-pending = {
      description = "Pods that find no node"
      namespace   = "AWS/EKS"
      metric      = "scheduler_pending_pods_UNSCHEDULABLE"
      dimensions  = { ClusterName = var.name }
      statistic   = "Maximum"
      threshold   = 0
      minutes     = 10
    }
  }
}
