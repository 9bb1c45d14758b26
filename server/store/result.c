/* result.c - reading the result of a statement, whichever database it came from. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/driver.h"
#include "xml/element.h"

void store_refuse(enum rc rc, const char *message, store_done *on_done, void *state)
{
	if (on_done != NULL)
		on_done(&STORE_RESULT_FAILED(rc, message), state);
}

enum rc store_rc(const struct store_result *result)
{
	return result->rc;
}

enum rc store_one_row(const struct store_result *result)
{
	if (result->rc == RC_OK && result->rows == 0)
		return RC_ITEM_NOT_FOUND;
	return result->rc;
}

const char *store_message(const struct store_result *result)
{
	return result->message == NULL ? "" : result->message;
}

size_t store_rows(const struct store_result *result)
{
	return result->rows;
}

int64_t store_changed(const struct store_result *result)
{
	return result->changed;
}

struct span store_blob(const struct store_result *result, size_t row, size_t column)
{
	if (row >= result->rows)
		return (struct span){ NULL, 0 };
	ASSERT(column < result->columns);
	return result->cell(result, row, column);
}

const char *store_text(const struct store_result *result, size_t row, size_t column)
{
	return store_blob(result, row, column).at;
}

int64_t store_integer(const struct store_result *result, size_t row, size_t column)
{
	const char *text = store_text(result, row, column);

	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

struct element *store_element(const struct store_result *result, size_t column, struct arena *arena)
{
	struct span xml = store_blob(result, 0, column);

	return xml.at == NULL ? NULL : element_parse(arena, xml.at, xml.length);
}
