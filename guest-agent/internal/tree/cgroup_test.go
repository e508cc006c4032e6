package tree

import (
	"os"
	"testing"
)

// So it is for an agent that another agent's command had left behind: that command's group is gone.
func TestGroupsAreMadeAgainWhereTheirPlaceHasGone(t *testing.T) {
	groups, err := NewGroups()
	if err != nil {
		t.Skipf("SKIPPED: no control groups here: %v", err)
	}
	t.Cleanup(groups.Close)
	if err := os.Remove(groups.directory); err != nil {
		t.Fatal(err)
	}
	group, err := groups.New("one")
	if err != nil {
		t.Fatal(err)
	}
	group.Release()
	if _, err := os.Stat(groups.directory); err != nil {
		t.Errorf("its directory is not there: %v", err)
	}
}
