// Copyright (c) 2026, the selfheal.kubernetes authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// runc-shim stands before runc where CAP_SYS_RESOURCE is missing. There, runc cannot give a container that capability,
// raise its limits, or protect it from the OOM killer, and fails. So this takes those wishes out of the container's
// configuration, and then becomes runc. Where the capability is there, it becomes runc at once.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	sysResource     = "CAP_SYS_RESOURCE"
	sysResourceBit  = 24
	exitCodeOnError = 70
)

func main() {
	args := os.Args[1:]
	if !haveSysResource() {
		if path, isSpec := configuration(args); path != "" {
			if err := lower(path, isSpec); err != nil {
				fail(err)
			}
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		fail(err)
	}
	fail(syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ()))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "runc-shim:", err)
	os.Exit(exitCodeOnError)
}

// haveSysResource tells whether this process could hand the capability on (its bounding set).
func haveSysResource() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return true
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "CapBnd:"); found {
			var set uint64
			_, err := fmt.Sscanf(strings.TrimSpace(value), "%x", &set)
			return err != nil || set&(1<<sysResourceBit) != 0
		}
	}
	return true
}

// configuration finds the file that says what is to be started: a bundle's config.json (a whole specification), or the
// process description of an exec. Empty for runc's other commands.
func configuration(args []string) (path string, isSpec bool) {
	for i, arg := range args {
		switch arg {
		case "create", "run", "restore":
			bundle := option(args[i+1:], "-b", "--bundle")
			return filepath.Join(bundle, "config.json"), true
		case "exec":
			return option(args[i+1:], "-p", "--process"), false
		}
	}
	return "", false
}

func option(args []string, short, long string) string {
	for i, arg := range args {
		if (arg == short || arg == long) && i+1 < len(args) {
			return args[i+1]
		}
		if value, found := strings.CutPrefix(arg, long+"="); found {
			return value
		}
	}
	return ""
}

func lower(path string, isSpec bool) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var document map[string]any
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // device numbers and limits do not fit a float
	if err := decoder.Decode(&document); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	process := document
	if isSpec {
		process, _ = document["process"].(map[string]any)
	}
	if process == nil {
		return nil
	}
	delete(process, "rlimits")
	if score, isNumber := process["oomScoreAdj"].(json.Number); isNumber && strings.HasPrefix(score.String(), "-") {
		process["oomScoreAdj"] = 0
	}
	if sets, isMap := process["capabilities"].(map[string]any); isMap {
		for name, set := range sets {
			names, _ := set.([]any)
			kept := []any{}
			for _, capability := range names {
				if capability != sysResource {
					kept = append(kept, capability)
				}
			}
			sets[name] = kept
		}
	}
	content, err = json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}
