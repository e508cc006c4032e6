package reaper

import "testing"

// What never comes to an end must not keep others from beginning.
func TestOneThatIsBeingMadeHoldsNoOther(t *testing.T) {
	processes := New()
	begun, goOn, over := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		over <- processes.Start(func() (int, error) {
			close(begun)
			<-goOn
			return 1, nil
		})
	}()
	<-begun
	if processes.reap() {
		t.Error("it looked for orphans, and could have taken a new process for one")
	}
	if err := processes.Start(func() (int, error) { return 2, nil }); err != nil {
		t.Error(err)
	}
	close(goOn)
	if err := <-over; err != nil || !processes.isOurs(1) || !processes.isOurs(2) {
		t.Errorf("they are not remembered: %v", err)
	}
	if !processes.reap() {
		t.Error("nobody looks for orphans any more")
	}
}
