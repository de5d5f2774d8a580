"""Deletes conversations from a user's list, as a service that calls this one would, and undoes it.

    pip install grpcio grpcio-tools grpcio-status
    python examples/delete_conversations.py 127.0.0.1:50051 alice C2Cbob GROUPlunch

Two variables are for a server that lets in only the callers it knows: TOKEN is the bearer token, and CA
the file with the authorities of the server's certificate. A token is sent over TLS only.
"""

import os
import sys
import uuid
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

ROOT = Path(__file__).resolve().parent.parent

# The messages and stubs, generated from proto/ in memory. A service of yours would rather do it when it
# is built: python -m grpc_tools.protoc -I proto --python_out=. --grpc_python_out=. proto/conversation/v1/*.proto
sys.path.insert(0, str(ROOT / "proto"))
protos, services = grpc.protos_and_services("conversation/v1/conversation_service.proto")
ids = grpc.protos("conversation/v1/conversation_id.proto")


def conversation_id(text):
    """From the text form: C2C<user ID>, GROUP<group ID> or @TIM#SYSTEM."""
    if text == "@TIM#SYSTEM":
        return ids.ConversationId(system=ids.SystemConversation())
    if text.startswith("C2C"):
        return ids.ConversationId(c2c_user_id=text.removeprefix("C2C"))
    if text.startswith("GROUP"):
        return ids.ConversationId(group_id=text.removeprefix("GROUP"))
    raise ValueError(f"not a conversation ID: {text}")


def text_form(conversation):
    match conversation.WhichOneof("id"):
        case "c2c_user_id":
            return f"C2C{conversation.c2c_user_id}"
        case "group_id":
            return f"GROUP{conversation.group_id}"
        case _:
            return "@TIM#SYSTEM"


def connect(address):
    """A channel that balances over all addresses of a name, retries, and sets deadlines.

    All of that is in the service config. The library retries UNAVAILABLE by itself, and with the same
    request, so one that changes something must have a request_id.
    """
    options = [("grpc.service_config", (ROOT / "deploy/service-config.json").read_text())]
    target = f"dns:///{address}"
    if "CA" not in os.environ:
        return grpc.insecure_channel(target, options)
    credentials = grpc.ssl_channel_credentials(Path(os.environ["CA"]).read_bytes())
    if "TOKEN" in os.environ:
        token = grpc.access_token_call_credentials(os.environ["TOKEN"])
        credentials = grpc.composite_channel_credentials(credentials, token)
    return grpc.secure_channel(target, credentials, options)


def reason(error):
    """Why the service refused, as a stable word; empty if it was not the service that refused."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return info.reason
    return ""


def main(address, user_id, *conversations):
    with connect(address) as channel:
        service = services.ConversationServiceStub(channel)
        deleted = service.DeleteConversations(
            protos.DeleteConversationsRequest(
                user_id=user_id,
                conversation_ids=map(conversation_id, conversations),
                request_id=str(uuid.uuid4()),
            )
        )
        for result in deleted.results:
            outcome = protos.DeletionOutcome.Name(result.outcome)
            print(f"{text_form(result.conversation_id)}: {outcome}")

        undone = service.RestoreConversations(
            protos.RestoreConversationsRequest(
                user_id=user_id,
                deletion_id=deleted.deletion_id,
                request_id=str(uuid.uuid4()),
            )
        )
        for result in undone.results:
            outcome = protos.RestorationOutcome.Name(result.outcome)
            print(f"{text_form(result.conversation_id)}: {outcome}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: delete_conversations.py ADDRESS USER CONVERSATION...")
    try:
        main(*sys.argv[1:])
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name} {reason(error)}: {error.details()}")
