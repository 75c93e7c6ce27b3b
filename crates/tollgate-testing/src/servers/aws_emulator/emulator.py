"""moto as a server, with what Terraform's AWS provider asks of it and moto does not know.

Each part below stands for one gap, answers as AWS documents it, and can go when moto has it.
"""

import hashlib
import json
import sys
import uuid
from copy import copy
from inspect import signature
from urllib.parse import unquote, urlparse

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import ec2_backends
from moto.ecs.models import EC2ContainerServiceBackend
from moto.eks import urls as eks
from moto.eks.models import EKSBackend
from moto.elasticache import models as elasticache
from moto.elasticache.exceptions import ElastiCacheException
from moto.elasticache.responses import ElastiCacheResponse
from moto.iam.access_control import PermissionResult
from moto.rds import models as rds
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.server import main

ACCOUNT = "123456789012"


def application_autoscaling():
    """Tags of scalable targets."""
    ApplicationAutoScalingResponse.list_tags_for_resource = lambda self: json.dumps({"Tags": {}})
    ApplicationAutoScalingResponse.tag_resource = lambda self: "{}"
    ApplicationAutoScalingResponse.untag_resource = lambda self: "{}"


def rds_resource_ids():
    """The id by which the provider remembers an instance: another one for each."""
    made = rds.DBInstance.__init__

    def make(self, *arguments, **named):
        made(self, *arguments, **named)
        self.dbi_resource_id = "db-" + hashlib.sha256(self.db_instance_identifier.encode()).hexdigest()[:26].upper()

    rds.DBInstance.__init__ = make


def rds_data_api():
    """The Data API is there for clusters of the second Aurora Serverless as well."""
    enabled = property(lambda self: self._enable_http_endpoint, lambda self, on: vars(self).update(_enable_http_endpoint=bool(on)))
    rds.DBCluster.enable_http_endpoint = enabled


def elasticache_replication_groups():
    """The members of a replication group are cache clusters; what is deleted is gone."""
    backend, cluster = elasticache.ElastiCacheBackend, elasticache.CacheCluster
    made, deleted = backend.create_replication_group, backend.delete_replication_group

    def create(self, *arguments, **named):
        group = made(self, *arguments, **named)
        for member in group.member_clusters:
            known = {
                "account_id": self.account_id,
                "region_name": self.region_name,
                "cache_cluster_id": member,
                "cache_node_type": group.cache_node_type,
                "replication_group_id": group.replication_group_id,
                "num_cache_nodes": 1,
                "engine": group.engine,
                "engine_version": group.engine_version,
                "cache_subnet_group_name": group.cache_subnet_group_name,
                "log_delivery_configurations": [],
            }
            names = [name for name in signature(cluster.__init__).parameters if name != "self"]
            self.cache_clusters[member] = cluster(**{name: known.get(name) for name in names})
        return group

    def delete(self, *arguments, **named):
        group = deleted(self, *arguments, **named)
        for member in group.member_clusters:
            self.cache_clusters.pop(member, None)
        self.replication_groups.pop(group.replication_group_id, None)
        return group

    backend.create_replication_group, backend.delete_replication_group = create, delete

    def delete_subnet_group(self):
        self.elasticache_backend.cache_subnet_groups.pop(self._get_param("CacheSubnetGroupName"), None)
        return EmptyResult()

    ElastiCacheResponse.delete_cache_subnet_group = delete_subnet_group


def ecs_memory():
    """On Fargate memory is the task's, and a container need not say how much of it is its own."""
    counted = EC2ContainerServiceBackend._calculate_task_resource_requirements

    def count(task):
        task = copy(task)
        task.container_definitions = [{"memory": 0, **container} for container in task.container_definitions]
        return counted(task)

    EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(count)


def ecs_clusters():
    """A cluster that was deleted is kept, switched off, and in no list."""
    EC2ContainerServiceBackend.list_clusters = lambda self: [
        cluster.arn for cluster in self.clusters.values() if cluster.status == "ACTIVE"
    ]


class UserGroupNotFound(ElastiCacheException):
    code = "UserGroupNotFound"

    def __init__(self, name):
        super().__init__(f"UserGroup {name} not found.")


def elasticache_users():
    """Groups of users; a user can be changed."""
    groups = {}
    tags = ElastiCacheResponse.list_tags_for_resource

    def list_tags(self):
        is_group = ":usergroup:" in self._get_param("ResourceName")
        return ActionResult({"TagList": []}) if is_group else tags(self)

    def create(self):
        params = self._get_params()
        name, engine, users = params["UserGroupId"], params["Engine"], params.get("UserIds", [])
        arn = f"arn:aws:elasticache:{self.region}:{self.current_account}:usergroup:{name}"
        groups[name] = {"UserGroupId": name, "Status": "active", "Engine": engine, "UserIds": users, "ARN": arn}
        return ActionResult(groups[name])

    def describe(self):
        name = self._get_params().get("UserGroupId")
        if name and name not in groups:
            raise UserGroupNotFound(name)
        return ActionResult({"UserGroups": [groups[name]] if name else list(groups.values())})

    def delete(self):
        name = self._get_params()["UserGroupId"]
        if name not in groups:
            raise UserGroupNotFound(name)
        return ActionResult({**groups.pop(name), "Status": "deleting"})

    def modify_user(self):
        params = self._get_params()
        user = self.elasticache_backend.describe_users(user_id=params["UserId"])[0]
        user.access_string = params.get("AccessString", user.access_string)
        return ActionResult(user)

    ElastiCacheResponse.create_user_group = create
    ElastiCacheResponse.describe_user_groups = describe
    ElastiCacheResponse.delete_user_group = delete
    ElastiCacheResponse.modify_user = modify_user
    ElastiCacheResponse.list_tags_for_resource = list_tags


def eks_extras():
    """Add-ons, access entries with their policies, and pod identity associations."""
    made = {}

    def answer(status, body):
        return status, {"Content-Type": "application/json"}, json.dumps(body)

    def missing(path):
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ResourceNotFoundException"}
        return 404, headers, json.dumps({"message": f"there is no {path}"})

    def kept(kind, kinds, identify, listed):
        """A handler of one kind: a POST to the collection makes one, GET and DELETE of its address show and remove it."""

        def handle(request, full_url, headers):
            path = unquote(urlparse(full_url).path)
            if request.method == "POST" and path not in made:
                item = identify(path.split("/")[2], json.loads(request.data or b"{}"))
                made[f"{path}/{item.pop('id')}"] = item
                return answer(200, {kind: item})
            if path.count("/") == 3:
                inside = [item for place, item in made.items() if place.startswith(f"{path}/")]
                return answer(200, {kinds: [listed(item) for item in inside]})
            if path not in made:
                return missing(path)
            return answer(200, {kind: made.pop(path) if request.method == "DELETE" else made[path]})

        return handle

    def arn(what):
        return f"arn:aws:eks:eu-central-1:{ACCOUNT}:{what}"

    def addon(cluster, said):
        name = said["addonName"]
        more = {"clusterName": cluster, "addonVersion": "v1.0.0-eksbuild.1", "status": "ACTIVE"}
        return {**said, **more, "id": name, "addonArn": arn(f"addon/{cluster}/{name}")}

    def entry(cluster, said):
        name = said["principalArn"]
        more = {"clusterName": cluster, "kubernetesGroups": [], "type": "STANDARD", "username": name}
        return {**more, **said, "id": name, "accessEntryArn": arn(f"access-entry/{cluster}/{name}")}

    def association(cluster, said):
        name = f"a-{uuid.uuid4().hex[:17]}"
        more = {"clusterName": cluster, "associationId": name}
        return {**said, **more, "id": name, "associationArn": arn(f"podidentityassociation/{cluster}/{name}")}

    def policies(request, full_url, headers):
        path = unquote(urlparse(full_url).path)
        collection, _, name = path.partition("/access-policies")
        entry = made.get(collection)
        if entry is None:
            return missing(collection)
        held = entry.setdefault("associatedAccessPolicies", {})
        if request.method == "DELETE":
            held.pop(name.removeprefix("/"), None)
            return answer(200, {})
        who = {"clusterName": entry["clusterName"], "principalArn": entry["principalArn"]}
        if request.method == "POST":
            said = json.loads(request.data)
            held[said["policyArn"]] = said
            return answer(200, {**who, "associatedAccessPolicy": said})
        return answer(200, {**who, "associatedAccessPolicies": list(held.values())})

    def access(request, full_url, headers):
        is_policy = "/access-policies" in full_url
        return (policies if is_policy else entries)(request, full_url, headers)

    entries = kept("accessEntry", "accessEntries", entry, lambda item: item["principalArn"])
    addons = kept("addon", "addons", addon, lambda item: item["addonName"])
    associations = kept("association", "associations", association, lambda item: item)
    begin = "{0}/clusters/(?P<cluster>[^/]+)"
    eks.url_paths.update(
        {
            f"{begin}/access-entries$": entries,
            f"{begin}/access-entries/(?P<item>.+)$": access,
            f"{begin}/addons$": addons,
            f"{begin}/addons/(?P<item>[^/]+)$": addons,
            f"{begin}/pod-identity-associations$": associations,
            f"{begin}/pod-identity-associations/(?P<item>[^/]+)$": associations,
        }
    )


def eks_security_group():
    """A cluster has a security group for its nodes: here, the default one of the network."""
    made = EKSBackend.create_cluster

    def create(self, *arguments, **named):
        cluster = made(self, *arguments, **named)
        subnets = cluster.resources_vpc_config.get("subnetIds", [])
        ec2 = ec2_backends[self.account_id][self.region_name]
        network = ec2.describe_subnets(subnet_ids=subnets[:1])[0].vpc_id
        cluster.resources_vpc_config["vpcId"] = network
        cluster.resources_vpc_config["clusterSecurityGroupId"] = ec2.get_default_security_group(network).id
        return cluster

    EKSBackend.create_cluster = create


def s3_conditions():
    """moto knows no conditions in a bucket's policy, so one that asks for TLS would let nobody in."""
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL


def s3_delete_markers():
    """What marks a version as deleted can be deleted itself, with the bucket."""
    FakeDeleteMarker.dispose = lambda self: None


if __name__ == "__main__":
    application_autoscaling()
    rds_resource_ids()
    rds_data_api()
    ecs_memory()
    ecs_clusters()
    elasticache_replication_groups()
    elasticache_users()
    eks_extras()
    eks_security_group()
    s3_conditions()
    s3_delete_markers()
    main(sys.argv[1:])
