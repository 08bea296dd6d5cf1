// SPDX-License-Identifier: Apache-2.0
exports.inner = {
  handler: async (event) => {
    return { doubled: event.n * 2 };
  },
};
