// Deletes conversations from a user's list, as a service written for Node.js would, and undoes it.
//
//     npm install --prefix examples/node
//     node examples/node/delete_conversations.mjs 127.0.0.1:50051 alice bob carol
//
// The last arguments are users with whom there are one-to-one conversations.

import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [address, userId, ...others] = process.argv.slice(2);
if (!address || !userId || others.length === 0) {
  console.error('usage: delete_conversations.mjs ADDRESS USER OTHER_USER...');
  process.exit(2);
}

const protocol = fileURLToPath(new URL('../../proto', import.meta.url));
const definition = protoLoader.loadSync('conversation/v1/conversation_service.proto', {
  includeDirs: [protocol],
  enums: String,
  longs: String, // Revisions and sequence numbers have 64 bits.
});
const { ConversationService } = grpc.loadPackageDefinition(definition).conversation.v1;
const client = new ConversationService(address, grpc.credentials.createInsecure());

// Sends a request until it is answered, each time with the same request ID: however often it arrives,
// it is carried out once.
async function call(method, request, attempts = 5) {
  for (let attempt = 1; ; attempt += 1) {
    const deadline = Date.now() + 5000;
    try {
      return await new Promise((resolve, reject) => {
        client[method](request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
      });
    } catch (error) {
      const { UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED } = grpc.status;
      const helps = [UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED].includes(error.code);
      if (!helps || attempt === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * attempt * (0.5 + Math.random())));
    }
  }
}

const deleted = await call('DeleteConversations', {
  userId,
  conversationIds: others.map((other) => ({ c2cUserId: other })),
  requestId: randomUUID(),
});
for (const { conversationId, outcome } of deleted.results) {
  console.log(`C2C${conversationId.c2cUserId}: ${outcome}`);
}

const undone = await call('RestoreConversations', {
  userId,
  deletionId: deleted.deletionId,
  requestId: randomUUID(),
});
for (const { conversationId, outcome } of undone.results) {
  console.log(`C2C${conversationId.c2cUserId}: ${outcome}`);
}
client.close();
