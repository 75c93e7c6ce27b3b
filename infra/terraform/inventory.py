"""What there is in an account of AWS: a line for each thing that the modules may make.

Without what AWS makes for itself: alarms of autoscalers, the secret of a database's owner.
"""

import boto3
import jmespath

# Service, operation, what identifies each thing in its answer (JMESPath).
LISTS = [
    ("apigatewayv2", "get_apis", "Items[].Name"),
    ("apigatewayv2", "get_domain_names", "Items[].DomainName"),
    ("application-autoscaling", "describe_scalable_targets", "ScalableTargets[].ResourceId"),
    ("application-autoscaling", "describe_scaling_policies", "ScalingPolicies[].PolicyName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[?!starts_with(AlarmName, 'TargetTracking-')].AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("ec2", "describe_addresses", "Addresses[].Tags[?Key=='Name'].Value[]"),
    ("ec2", "describe_flow_logs", "FlowLogs[].LogDestination"),
    ("ec2", "describe_internet_gateways", "InternetGateways[].Tags[?Key=='Name'].Value[]"),
    ("ec2", "describe_launch_templates", "LaunchTemplates[].LaunchTemplateName"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].Tags[?Key=='Name'].Value[]"),
    ("ec2", "describe_route_tables", "RouteTables[].Tags[?Key=='Name'].Value[]"),
    ("ec2", "describe_security_groups", "SecurityGroups[?GroupName!='default'].GroupName"),
    ("ec2", "describe_subnets", "Subnets[].Tags[?Key=='Name'].Value[]"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].ServiceName"),
    ("ec2", "describe_vpcs", "Vpcs[?!IsDefault].CidrBlock"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("ecs", "list_clusters", "clusterArns[]"),
    ("ecs", "list_task_definitions", "taskDefinitionArns[]"),
    ("eks", "list_clusters", "clusters[]"),
    ("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups[?CacheSubnetGroupName!='default'].CacheSubnetGroupName"),
    ("elasticache", "describe_replication_groups", "ReplicationGroups[].ReplicationGroupId"),
    ("elasticache", "describe_user_groups", "UserGroups[].UserGroupId"),
    ("elasticache", "describe_users", "Users[?UserId!='default' && Status!='deleting'].UserId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerName"),
    ("elbv2", "describe_target_groups", "TargetGroups[].TargetGroupName"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].[`of a cluster`][]"),
    ("iam", "list_roles", "Roles[?!starts_with(Path, '/aws-service-role/')].RoleName"),
    ("kms", "list_aliases", "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),
    ("lambda", "list_functions", "Functions[].FunctionName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups[].DBClusterParameterGroupName"),
    ("rds", "describe_db_clusters", "DBClusters[].DBClusterIdentifier"),
    ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("secretsmanager", "list_secrets", "SecretList[?!starts_with(Name, 'rds!')].Name"),
    ("sns", "list_topics", "Topics[].TopicArn"),
    ("sns", "list_subscriptions", "Subscriptions[].Endpoint"),
]

# Things in things: service, list of the outer ones, operation, its parameter, what identifies each inner one.
NESTED = [
    ("apigatewayv2", ("get_apis", "Items[].ApiId"), "get_routes", "ApiId", "Items[].join(' ', [AuthorizationType, RouteKey])"),
    ("ecs", ("list_clusters", "clusterArns[]"), "list_services", "cluster", "serviceArns[]"),
    ("eks", ("list_clusters", "clusters[]"), "list_access_entries", "clusterName", "accessEntries[]"),
    ("eks", ("list_clusters", "clusters[]"), "list_addons", "clusterName", "addons[]"),
    ("eks", ("list_clusters", "clusters[]"), "list_nodegroups", "clusterName", "nodegroups[]"),
    (
        "eks",
        ("list_clusters", "clusters[]"),
        "list_pod_identity_associations",
        "clusterName",
        "associations[].join('/', [namespace, serviceAccount])",
    ),
    ("elbv2", ("describe_load_balancers", "LoadBalancers[].LoadBalancerArn"), "describe_listeners", "LoadBalancerArn", "Listeners[].to_string(Port)"),
]


def found(service, operation, path, **parameters):
    client = boto3.client(service)
    if service == "application-autoscaling":
        parameters["ServiceNamespace"] = "ecs"
    if client.can_paginate(operation):
        return list(client.get_paginator(operation).paginate(**parameters).search(path))
    return jmespath.search(path, getattr(client, operation)(**parameters)) or []


def lines():
    for service, operation, path in LISTS:
        for name in found(service, operation, path):
            yield f"{service} {operation.split('_', 1)[1]} {name}"
    for service, (outer, ids), operation, parameter, path in NESTED:
        for each in found(service, outer, ids):
            for name in found(service, operation, path, **{parameter: each}):
                yield f"{service} {operation.split('_', 1)[1]} {name}"


print("\n".join(sorted(line for line in lines() if not line.endswith(" None"))))
