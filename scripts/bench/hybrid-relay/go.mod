module proxmox-lxcri/hybrid-relay

go 1.21
