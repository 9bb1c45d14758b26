/* privileges.c - giving up root: after what needs it, before any byte of a stranger. */
#include "admin/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"

bool privileges_drop(
    const char *user, const char *config_path, struct arena *arena, const char **error_out)
{
	struct passwd *entry;

	if (geteuid() != 0 || *user == '\0')
		return true;
	entry = getpwnam(user);
	if (entry == NULL) {
		*error_out = arena_printf(arena,
		    "there is no user \"%s\" to become; make one (useradd --system %s), or set "
		    "\"user\" in %s",
		    user, user, config_path);
		return false;
	}
	if (setgroups(0, NULL) != 0 || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0) {
		*error_out =
		    arena_printf(arena, "cannot become user \"%s\": %s", user, strerror(errno));
		return false;
	}
	prctl(PR_SET_DUMPABLE, 0);
	return true;
}
