"""Prints what the official SDK lists of instances, managed ones included, and their agents, sorted: id, name,
address, agent.

The arguments are the host and port of the API, an AccessKey id and its secret.
"""
import json
import sys

from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526 import (
    DescribeCloudAssistantStatusRequest,
    DescribeInstancesRequest,
    DescribeManagedInstancesRequest,
)

endpoint, key, secret = sys.argv[1:]
client = AcsClient(key, secret, "cn-hangzhou")


def pages(make, set_size):
    token = None
    while token != "":
        request = make()
        request.set_endpoint(endpoint)
        request.set_accept_format("json")
        set_size(request)
        if token:
            request.set_NextToken(token)
        answer = json.loads(client.do_action_with_exception(request))
        token = answer["NextToken"]
        yield answer


agents = {}
for page in pages(
    DescribeCloudAssistantStatusRequest.DescribeCloudAssistantStatusRequest,
    lambda request: request.set_MaxResults(50),
):
    for agent in page["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]:
        agents[agent["InstanceId"]] = agent["CloudAssistantStatus"]

lines = []
for page in pages(
    DescribeInstancesRequest.DescribeInstancesRequest,
    lambda request: request.set_MaxResults(100),
):
    for one in page["Instances"]["Instance"]:
        address = one["VpcAttributes"]["PrivateIpAddress"]["IpAddress"][0]
        agent = "ok" if agents[one["InstanceId"]] == "true" else "offline"
        lines.append("\t".join([one["InstanceId"], one["InstanceName"], address, agent]))
for page in pages(
    DescribeManagedInstancesRequest.DescribeManagedInstancesRequest,
    lambda request: request.set_MaxResults(50),
):
    for one in page["Instances"]:
        agent = "ok" if one["Connected"] else "offline"
        lines.append("\t".join([one["InstanceId"], one["InstanceName"], one["IntranetIp"], agent]))
print("\n".join(sorted(lines)))
