// SPDX-License-Identifier: Apache-2.0
export const handler = async (event) => {
  return { tripled: event.n * 3 };
};
