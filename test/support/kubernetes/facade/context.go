package main

import (
	"context"
	"net/http"
	"strings"
)

type userKey struct{}

func withUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}

func userOf(ctx context.Context) string {
	name, _ := ctx.Value(userKey{}).(string)
	return name
}

// protocolOf is what the client wants to upgrade to: `websocket v5.channel.k8s.io`.
func protocolOf(req *http.Request) string {
	subprotocols := append(req.Header.Values("Sec-WebSocket-Protocol"), req.Header.Values("X-Stream-Protocol-Version")...)
	return strings.TrimSpace(req.Header.Get("Upgrade") + " " + strings.Join(subprotocols, ", "))
}
