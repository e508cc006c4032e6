// Writes internal/pb/exec.pb.go from exec.proto: `go run .` in this directory. A module of its own, so that the agent's
// has no compiler among its dependencies.
package main

import (
	"context"
	"log"
	"os"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	log.SetFlags(0)
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{".."}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	// legacy.proto has no messages: it is only checked.
	files, err := compiler.Compile(context.Background(), "exec.proto", "legacy.proto")
	if err != nil {
		log.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{"exec.proto"},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(files[0])},
	}
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		log.Fatal(err)
	}
	internal_gengo.GenerateFile(plugin, plugin.FilesByPath["exec.proto"])
	response := plugin.Response()
	if response.Error != nil {
		log.Fatal(response.GetError())
	}
	for _, file := range response.File {
		path := filepath.Join("../../internal/pb", file.GetName())
		if err := os.WriteFile(path, []byte(file.GetContent()), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
