// Short notices in a corner of the page.

export const toast = {
  error(title: string, { description }: { description: string }): void {
    const notice = document.createElement("p");
    notice.dataset["testid"] = "toast";
    notice.textContent = `${title}: ${description}`;
    document.body.append(notice);
  },
};
