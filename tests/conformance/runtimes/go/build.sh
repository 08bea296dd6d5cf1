#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: a static bootstrap with the aws-lambda-go of go.sum.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need go
begin_build "$here" "$out" "$(go version)"

cd "$here"
export CGO_ENABLED=0 GOFLAGS=
go build -mod=readonly -buildvcs=false -trimpath -tags lambda.norpc -o "$out/bootstrap" .
end_build "$out"
