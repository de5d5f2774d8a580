// Deletes conversations from a user's list, as a service written in Go would, and undoes it.
//
//	buf generate    # in the directory above examples/; see buf.gen.yaml
//	cd examples/go && go mod tidy
//	go run . 127.0.0.1:50051 alice bob carol
//
// The last arguments are users with whom there are one-to-one conversations.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	mathrand "math/rand"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	conversationv1 "conversation.internal/gen/conversation/v1"
)

// How often a request is sent at most, and how long one attempt may take.
const (
	attempts = 5
	deadline = 5 * time.Second
)

// newRequestID makes a random UUID.
func newRequestID() string {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		log.Fatal(err)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// retryDelay says how long to wait before the same request may succeed; false if it would fail again.
func retryDelay(err error) (time.Duration, bool) {
	refusal := status.Convert(err)
	for _, detail := range refusal.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	// The connection was lost, or the answer was late.
	lost := refusal.Code() == codes.Unavailable || refusal.Code() == codes.DeadlineExceeded
	return time.Second, lost
}

// call sends a request until it is answered, each time with the same request ID: however often it
// arrives, it is carried out once.
func call(send func(ctx context.Context) error) error {
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		err := send(ctx)
		cancel()
		if err == nil {
			return nil
		}
		delay, helps := retryDelay(err)
		if !helps || attempt == attempts {
			return err
		}
		// Callers that all wait equally long come back at the same time.
		time.Sleep(delay + time.Duration(mathrand.Float64()*float64(delay)))
	}
}

func run(address, user string, others []string) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := conversationv1.NewConversationServiceClient(connection)

	deletion := &conversationv1.DeleteConversationsRequest{UserId: user, RequestId: newRequestID()}
	for _, other := range others {
		deletion.ConversationIds = append(deletion.ConversationIds,
			&conversationv1.ConversationId{Id: &conversationv1.ConversationId_C2CUserId{C2CUserId: other}})
	}
	var deleted *conversationv1.DeleteConversationsResponse
	err = call(func(ctx context.Context) (err error) {
		deleted, err = client.DeleteConversations(ctx, deletion)
		return err
	})
	if err != nil {
		return err
	}
	// Results are in the order of the request.
	for i, result := range deleted.GetResults() {
		fmt.Printf("C2C%s: %s\n", others[i], result.GetOutcome())
	}

	undo := &conversationv1.RestoreConversationsRequest{
		UserId:     user,
		DeletionId: deleted.GetDeletionId(),
		RequestId:  newRequestID(),
	}
	var restored *conversationv1.RestoreConversationsResponse
	err = call(func(ctx context.Context) (err error) {
		restored, err = client.RestoreConversations(ctx, undo)
		return err
	})
	if err != nil {
		return err
	}
	for i, result := range restored.GetResults() {
		fmt.Printf("C2C%s: %s\n", others[i], result.GetOutcome())
	}
	return nil
}

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: go run . ADDRESS USER OTHER_USER...")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatal(err)
	}
}
