// links: base
/*
 * tool-notify SOCKET: what a service says to its manager (sd_notify(3)), one line a message part,
 * with the time-dependent MONOTONIC_USEC left out.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void print_parts(char *message)
{
	for (char *rest = message, *part; (part = strsep(&rest, "\n"));)
		if (*part && strncmp(part, "MONOTONIC_USEC=", 15) != 0)
			puts(part);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char message[4096];
	ssize_t got;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc != 2 || strlen(argv[1]) >= sizeof(at.sun_path))
		return 2;
	strcpy(at.sun_path, argv[1]);
	unlink(argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror(argv[1]);
		return 1;
	}
	while ((got = recv(fd, message, sizeof(message) - 1, 0)) >= 0) {
		message[got] = '\0';
		print_parts(message);
	}
	return 1;
}
