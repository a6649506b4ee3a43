/** In responses: the authorized operations were not asked for, or are not known. */
export const noAuthorizedOperations = -2147483648;
