module vhost-user-vsock

go 1.19
