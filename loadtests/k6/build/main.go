// k6 with one module more: k6/x/sluice.
package main

import (
	"go.k6.io/k6/cmd"

	_ "sluice/k6/sluice"
)

func main() { cmd.Execute() }
