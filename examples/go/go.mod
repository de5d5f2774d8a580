module conversation.internal

go 1.21
