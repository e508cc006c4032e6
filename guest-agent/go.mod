module proxmox-lxcri/guest-agent

go 1.26.0

require (
	golang.org/x/sys v0.49.0
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)
